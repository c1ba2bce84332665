"""What the how-to pages show is executed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nowcast.errors import InputError
from nowcast.readers import opening
from nowcast.readers.protocol import Reader

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "how_to" / "add_a_reader.md"


def blocks(page: Path) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", page.read_text(), flags=re.M | re.S)


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the page's reader defines, with its reader registered."""
    found: dict[str, Any] = {"__name__": "ascii_grid"}
    exec(compile(blocks(PAGE)[0], str(PAGE), "exec"), found)
    monkeypatch.setattr(opening, "READERS", (found["AsciiGridReader"](), *opening.READERS))
    return found


def write_grid(path: Path, values: np.ndarray) -> None:
    header = f"ncols {values.shape[1]}\nnrows {values.shape[0]}\nxllcorner 1000\nyllcorner 500\ncellsize 250\n"
    rows = "\n".join(" ".join(f"{value:g}" for value in row) for row in values)
    path.write_text(f"{header}NODATA_value -9999\n{rows}\n")


def test_the_reader_on_the_page_is_short_and_a_reader(names: dict[str, Any]) -> None:
    assert len(blocks(PAGE)[0].splitlines()) < 60
    assert isinstance(names["AsciiGridReader"](), Reader)


def test_the_reader_on_the_page_reads(names: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("grids").mkdir()
    frames = np.arange(3 * 4 * 5, dtype="float32").reshape(3, 4, 5)
    frames[1, 2, 3] = -9999
    for index in (2, 0, 1):
        write_grid(Path(f"grids/rain_2018051612{5 * index:02d}.asc"), frames[index])
    exec(compile(blocks(PAGE)[1], str(PAGE), "exec"), names)
    cube = names["cube"]
    assert (
        cube["time"].values.tolist()
        == np.arange("2018-05-16T12:00", "2018-05-16T12:15", 5, dtype="datetime64[m]").astype("datetime64[ns]").tolist()
    )
    frames[1, 2, 3] = np.nan
    np.testing.assert_array_equal(cube.values[:, 0], frames)
    assert cube["y"].values.tolist() == [1375, 1125, 875, 625]
    assert cube["x"].values[0] == 1125


def test_the_reader_on_the_page_refuses_damage(names: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "rain_201805161200.asc").write_text("ncols 5\nnrows many\n")
    with pytest.raises(InputError, match="header"):
        opening.open_cube(tmp_path / "rain_201805161200.asc")
