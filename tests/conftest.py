"""What tests of every room share: small cubes, and the real files where they are at hand."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

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
    parser.addoption("--full", action="store_true", help="faults by the thousand (tests/faults), not a sample of them")


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
