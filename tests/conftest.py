"""What tests of every room share: small cubes, and the real files where they are at hand."""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch counts cores: two processes share two of them

import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyproj  # noqa: F401  (before xarray finds cfgrib: see nowcast/readers/projections.py)
import pytest
import xarray as xr
from hypothesis import settings

settings.register_profile("nowcast", deadline=None)  # how long an example takes says nothing on a busy machine
settings.load_profile("nowcast")

ROOT = Path(__file__).parent.parent
SHARED = ROOT.parent / "shared" / "data"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--full", action="store_true", help="all that is slow, faults by the thousand, not a sample of them"
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is marked `full`, unless all is asked for."""
    if not config.getoption("--full"):
        left_out = [item for item in items if item.get_closest_marker("full")]
        items[:] = [item for item in items if item not in left_out]
        config.hook.pytest_deselected(items=left_out)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real files; tests that need it skip where it is absent."""
    if not SHARED.is_dir():
        pytest.skip(f"no real files at {SHARED}")
    return SHARED


@pytest.fixture(scope="session")
def melbourne(shared_data: Path) -> list[Path]:
    """61 NetCDF files of one radar, one time each, without a time dimension."""
    return sorted((shared_data / "radar" / "bom_melbourne_20180616_netcdf").glob("*.nc"))


def make_cube(
    shape: tuple[int, int, int, int] = (12, 1, 8, 10),
    *,
    values: np.ndarray | None = None,
    start: str = "2026-05-01T00:00",
    step: str = "5min",
    units: str = "mm h-1",
    name: str = "rain_rate",
) -> xr.DataArray:
    """A projected rain cube, y from north to south; a pixel is `1000 * frame + 10 * row + column` without `values`."""
    import pandas as pd

    frames, _, rows, columns = shape
    if values is None:
        frame, channel, row, column = np.indices(shape)
        values = (1000 * frame + 100 * channel + 10 * row + column).astype("float32")
    return xr.DataArray(
        values,
        dims=("time", "channel", "y", "x"),
        coords={
            "time": ("time", pd.date_range(start, periods=frames, freq=step).values, {"standard_name": "time"}),
            "y": ("y", 1000.0 * np.arange(rows)[::-1], {"units": "m", "standard_name": "projection_y_coordinate"}),
            "x": ("x", 1000.0 * np.arange(columns), {"units": "m", "standard_name": "projection_x_coordinate"}),
            "crs": (
                (),
                np.int32(0),
                {
                    "grid_mapping_name": "transverse_mercator",
                    "latitude_of_projection_origin": 0.0,
                    "longitude_of_central_meridian": 27.0,
                    "scale_factor_at_central_meridian": 0.9996,
                    "false_easting": 500000.0,
                    "false_northing": 0.0,
                },
            ),
        },
        name=name,
        attrs={
            "units": units,
            "long_name": "rain rate",
            "standard_name": "rainfall_rate",
            "grid_mapping": "crs",
            "source_dims": "time=time y=y x=x",
        },
    )


def make_products(
    cube: xr.DataArray,
    *,
    references: int = 3,
    leads: int = 2,
    thresholds: Sequence[float] = (0.1, 1.0, 5.0),
    computed: Callable[[int], object] | None = None,
) -> xr.Dataset:
    """A probabilistic forecast of nothing in particular on the cube's grid; a corner of each mean is missing.

    Lazy if it is to tell what is `computed`: the number of a reference time, whose products are made together.
    """
    import dask
    import dask.array as da

    from nowcast import products
    from nowcast.cube import FORECAST_DIMS

    def layers(number: int) -> np.ndarray:
        """`(1 lead product c y x)`"""
        if computed is not None:
            computed(number)
        random = np.random.default_rng(number)
        made = random.random((1, leads, 2 + len(thresholds), *cube.shape[1:]), dtype="float32")
        made[:, :, :2] = 8 * made[:, :, :2] ** 2
        made[:, :, 2:] = np.sort(made[:, :, 2:], axis=2)[:, :, ::-1]
        made[..., 0, 0] = np.nan
        return made

    if computed is None:
        data = np.concatenate([layers(number) for number in range(references)])
    else:
        shape = (1, leads, 2 + len(thresholds), *cube.shape[1:])
        made = [dask.delayed(layers, pure=False)(number) for number in range(references)]
        data = da.concatenate([da.from_delayed(each, shape, dtype="float32") for each in made])
    time = cube["time"].values
    coords = {name: coord for name, coord in cube.coords.items() if "time" not in coord.dims}
    coords |= {"forecast_reference_time": time[:references], "lead_time": time[1 : leads + 1] - time[0]}
    attrs = {**cube.attrs, "nowcast_model": "dice", "nowcast_context": 1}
    mean, matched = (
        xr.DataArray(data[:, :, number], dims=FORECAST_DIMS, coords=coords, name=cube.name, attrs=attrs)
        for number in range(2)
    )
    probability = xr.DataArray(
        data[:, :, 2:],
        dims=products.PROBABILITY_DIMS,
        coords={**coords, "threshold": list(thresholds)},
        attrs={"lowest": 0.0, "highest": 2 * thresholds[-1], "nowcast_model": "dice"},
    )
    return products.combined(mean, matched, probability)


class Outcome(NamedTuple):
    """How a command ended, and what it printed where."""

    code: int
    out: str
    err: str


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    """The command line in this process: give it the words behind `nowcast`."""
    from nowcast.cli import main

    def run(*words: object) -> Outcome:
        monkeypatch.setattr("nowcast.cli.ending._debug", False)
        monkeypatch.setattr(sys, "argv", ["nowcast", *map(str, words)])
        code = 0
        try:
            main()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
        return Outcome(code, *capsys.readouterr())

    return run


@pytest.fixture
def cube() -> xr.DataArray:
    """The counter cube: 12 frames of 8 rows and 10 columns, each pixel tells its frame, row and column."""
    return make_cube()


@pytest.fixture
def cube_maker() -> Callable[..., xr.DataArray]:
    return make_cube


@pytest.fixture
def products_maker() -> Callable[..., xr.Dataset]:
    return make_products


class Page:
    """A page of the docs, and the blocks of code that it shows."""

    def __init__(self, name: str) -> None:
        self.path = ROOT / "docs" / name

    def blocks(self, language: str = "python") -> list[str]:
        return re.findall(rf"^```{language}\n(.*?)^```", self.path.read_text("utf-8"), flags=re.M | re.S)

    def commands(self) -> list[list[str]]:
        """The words of each `nowcast` command that it shows, without `nowcast`; bash understands all that it shows."""
        found = []
        for block in self.blocks("sh"):
            ended = subprocess.run(["bash", "-n"], input=block, capture_output=True, text=True, check=False)
            assert ended.returncode == 0, ended.stderr
            for line in block.replace("\\\n", " ").splitlines():
                shown = re.search(r"(?:^|\s)(nowcast [a-z][^|&;]*)", line.split(" #")[0])
                if shown and not re.match(r"\s*(#|pip\b)", line):
                    words = shlex.split(shown[1].split(" 2>")[0])[1:]
                    require_known(words)
                    found.append(words)
        return found

    def execute(self, names: dict[str, Any], *numbers: int) -> dict[str, Any]:
        """Run its blocks of Python, or those with these numbers, one after the other in one namespace."""
        for number, block in enumerate(self.blocks()):
            if not numbers or number in numbers:
                exec(compile(block, f"{self.path.name}[{number}]", "exec"), names)
        return names


def require_known(words: list[str]) -> None:
    """Whether a command's verb and flags are the command line's own, with a value where one is wanted."""
    from typer.main import get_command

    from nowcast.cli import app

    verbs = get_command(app).commands  # type: ignore[attr-defined]
    assert words[0] in verbs, words
    verb = verbs[words[0]]
    with verb.make_context(words[0], list(words[1:])):
        pass


@pytest.fixture
def page() -> Callable[[str], Page]:
    """A page by its name under docs/."""
    return Page
