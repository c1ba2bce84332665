"""Every notebook is executed, cell by cell, on a small cut: real where the shared data is at hand, else synthetic."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pytest
import xarray as xr

FOLDER = Path(__file__).parent.parent / "docs" / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))

WORLDS = {"radar", "satellite", "microscopy", "video"}

SHARED = FOLDER.parents[2] / "shared" / "data"

LARGEST = 200_000
"""Bytes of a notebook."""

SMALL: dict[str, dict[str, Any]] = {
    "radar": {"FILES": [], "FRAMES": 60, "SIDE": 32, "HORIZON": 3},
    "satellite": {"FILE": "satellite/seviri_rss_ir016_20200401/sat_data.zarr", "CROP": "16:64,232:280"},
    "microscopy": {
        "FILE": "microscopy/cancer_cell_migration/cancer_cell_migration_crop.tif",
        "CROP": "0:48,0:48",
    },
    "video": {"FILE": "video/kth/person16_boxing_d4_uncomp.avi", "COARSEN": 4, "HORIZON": 3},
}
"""What is told otherwise than in a notebook's parameters, to be quick."""

pytestmark = pytest.mark.filterwarnings("ignore:moving-mnist. no MNIST file is at hand")


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A folder to write to, and figures that are drawn and never shown."""
    import matplotlib.pyplot as plt

    monkeypatch.chdir(tmp_path)
    backend = mpl.get_backend()
    plt.switch_backend("Agg")
    yield
    plt.close("all")
    plt.switch_backend(backend)


def cells(path: Path, kind: str = "code") -> list[dict[str, Any]]:
    return [cell for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == kind]


def execute(path: Path, names: dict[str, Any], *, until: str | None = None) -> None:
    """Run the cells in `names` as Jupyter would, the last line shown; stop once a name is there.

    The cell tagged `parameters` runs first, and what `names` held before wins over it, as papermill has it.
    """
    told = dict(names)
    for number, cell in enumerate(cells(path)):
        body = ast.parse("".join(cell["source"]), filename=f"{path.name}[{number}]")
        last = body.body.pop() if body.body and isinstance(body.body[-1], ast.Expr) else None
        exec(compile(body, f"{path.name}[{number}]", "exec"), names)
        if isinstance(last, ast.Expr):
            shown = eval(compile(ast.Expression(last.value), f"{path.name}[{number}]", "eval"), names)
            getattr(shown, "_repr_html_", shown.__repr__)()
        if "parameters" in cell["metadata"].get("tags", ()):
            names.update(told)
        if until in names:
            return


def small(name: str) -> dict[str, Any]:
    """Of the world's notebook, with a real file only where there is one."""
    told = {"MINUTES": 0.03, **SMALL[name]}
    if "FILE" in told:
        told["FILE"] = SHARED / told["FILE"]
        if not told["FILE"].exists():
            told.pop("CROP", None)
    return told


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_runs_from_file_to_report(path: Path) -> None:
    import matplotlib.pyplot as plt

    names = small(path.stem)
    execute(path, names)
    forecast, scores = names["forecast"], names["scores"]
    assert isinstance(forecast, xr.Dataset)
    assert {"persistence", "advection"} <= set(scores["against"].values.tolist())
    pages = list(Path().glob("*.html"))
    assert len(pages) == 1
    assert "<html" in pages[0].read_text()
    figures = [plt.figure(number) for number in plt.get_fignums()]
    assert len(figures) >= 5, "frames, observed, mean, matched, chances, scores"
    for figure in figures:
        figure.canvas.draw()


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_does_without_real_files(path: Path) -> None:
    names = small(path.stem) | {"FILE": Path("absent"), "FILES": [], "CROP": None}
    execute(path, names, until="cube")
    assert names["cube"].dims == ("time", "channel", "y", "x")
    assert names["cube"].sizes["time"] >= 20


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_is_short_and_holds_no_outputs(path: Path) -> None:
    assert path.stat().st_size < LARGEST
    assert not any(cell["outputs"] or cell["execution_count"] for cell in cells(path))
    assert 8 <= len(cells(path)) + len(cells(path, "markdown")) <= 12
    assert len(cells(path, "markdown")) >= 4
    assert next(cell["metadata"].get("tags") for cell in cells(path)) == ["parameters"]


def test_each_world_has_one() -> None:
    assert {path.stem for path in NOTEBOOKS} == WORLDS == set(SMALL)


@pytest.mark.parametrize(("page", "place"), [("README.md", "docs/notebooks"), ("docs/index.md", "notebooks")])
def test_readme_and_docs_point_at_each(page: str, place: str) -> None:
    text = (FOLDER.parents[1] / page).read_text()
    assert {path.name for path in NOTEBOOKS} == {
        f"{world}.ipynb" for world in WORLDS if f"({place}/{world}.ipynb)" in text
    }
