"""Cubes as the writers meet them: projected in km, on latitude and longitude, on a curvilinear grid; and forecasts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

REOPEN = {".nc": {}, ".zarr": {"engine": "zarr", "consolidated": False}}


def _forecast(cube: xr.DataArray, *, references: int = 1, leads: int = 3, realizations: int = 0) -> xr.DataArray:
    """Counter values: each pixel of a forecast tells its reference time, lead time, realization, row and column."""
    time = cube["time"].values
    sizes = [references, leads, *([realizations] if realizations else []), *cube.shape[1:]]
    dims = ["forecast_reference_time", "lead_time", *(["realization"] if realizations else []), "channel", "y", "x"]
    coords = {name: coord for name, coord in cube.coords.items() if "time" not in coord.dims}
    return xr.DataArray(
        np.arange(np.prod(sizes), dtype="float32").reshape(sizes),
        dims=dims,
        coords={
            **coords,
            "forecast_reference_time": time[:references],
            "lead_time": time[1 : leads + 1] - time[0],
        },
        name=cube.name,
        attrs={**cube.attrs, "nowcast_model": "convlstm", "nowcast_version": "0.1.0", "nowcast_inputs": "a.nc"},
    )


@pytest.fixture
def forecast_maker() -> Callable[..., xr.DataArray]:
    return _forecast


@pytest.fixture
def reopen() -> Iterator[Callable[[Path], xr.Dataset]]:
    """Open as anyone would, decoded, and close at the end of the test."""
    opened: list[xr.Dataset] = []

    def open_again(path: Path, **options: object) -> xr.Dataset:
        opened.append(xr.open_dataset(path, **REOPEN[path.suffix], **options))
        return opened[-1]

    yield open_again
    for dataset in opened:
        dataset.close()


@pytest.fixture
def projected(cube_maker: Callable[..., xr.DataArray]) -> xr.DataArray:
    """The attributes of the Melbourne radar: Albers, x and y in km, a scalar valid_time per file."""
    cube = cube_maker((4, 1, 8, 10), units="kg m-2", name="precipitation").drop_vars("crs")
    proj = {
        "grid_mapping_name": "albers_conical_equal_area",
        "semi_major_axis": 6378137.0,
        "inverse_flattening": 298.257222101,
        "standard_parallel": np.array([-18.0, -36.0]),
        "longitude_of_central_meridian": 144.75200000000004,
        "latitude_of_projection_origin": -37.852000000000004,
        "false_easting": 0.0,
        "false_northing": 0.0,
    }
    sides = {}
    for side in ("y", "x"):
        values = (cube[side].values / 2000 - 1.7).astype("float32")
        attrs = {"units": "km", "standard_name": f"projection_{side}_coordinate", "valid_min": values.min()}
        sides[side] = (side, values, attrs)
    start = cube["time"].values - np.timedelta64(6, "m")
    return cube.assign_coords(
        {**sides, "proj": ((), np.int8(0), proj), "start_time": ("time", start, {"long_name": "Accumulation start"})}
    ).assign_attrs(
        {
            "long_name": "Accumulated precipitation",
            "standard_name": "precipitation_amount",
            "grid_mapping": "proj",
            "source_dims": "time=valid_time y=y x=x",
            "dataset:Conventions": "CF-1.6",
            "dataset:institution": "Bureau of Meteorology",
            "dataset:title": "Bias Corrected Radar Accumulation",
            "dataset:station_id": np.int32(2),
            "dataset:history": "made by rainfields",
        }
    )


@pytest.fixture
def geographic(cube: xr.DataArray) -> xr.DataArray:
    cube = cube.drop_vars("crs").assign_coords(
        y=("y", np.linspace(50, 49, 8), {"units": "degrees_north", "standard_name": "latitude"}),
        x=("x", np.linspace(5, 6, 10), {"units": "degrees_east", "standard_name": "longitude"}),
    )
    attrs = {name: value for name, value in cube.attrs.items() if name != "grid_mapping"}
    cube.attrs = {**attrs, "source_dims": "time=time y=lat x=lon"}
    return cube


@pytest.fixture
def curvilinear(cube: xr.DataArray) -> xr.DataArray:
    row, column = np.meshgrid(np.linspace(50, 49, 8), np.linspace(5, 6, 10), indexing="ij")
    cube = cube.drop_vars(["crs", "y", "x"]).assign_coords(
        lat=(("y", "x"), row + column / 100, {"units": "degrees_north", "standard_name": "latitude"}),
        lon=(("y", "x"), column + row / 100, {"units": "degrees_east", "standard_name": "longitude"}),
    )
    cube.attrs = {name: value for name, value in cube.attrs.items() if name != "grid_mapping"}
    return cube
