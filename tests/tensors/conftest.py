"""Cubes whose pixels tell where they came from, in memory, lazy, and stored as packed integers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import nowcast
from nowcast.scaling import Scaler
from nowcast.windows import WindowPlan, plan

Maker = Callable[..., xr.DataArray]

AS_IT_IS = Scaler("unit", 0.0, 1.0)
"""Values stay what they are, so that a pixel tells where it came from."""


@pytest.fixture
def gappy(cube_maker: Maker) -> xr.DataArray:
    """Two channels of counters with a hole in time: frames 0-7, then 9-15."""
    return cube_maker((16, 2, 9, 11)).drop_isel(time=8).chunk(time=4)


@pytest.fixture
def packed(tmp_path: Path, cube_maker: Maker) -> xr.DataArray:
    """As a store of int16 with a fill code, chunks 4 x 4 x 5, some pixels missing; opened."""
    cube = cube_maker((16, 1, 9, 11))[:, 0].drop_isel(time=8)
    codes = (cube.values % 9973).astype("int16")
    codes[2, 3, 4], codes[9:, 0, 0] = -1, -1
    stored = cube.copy(data=codes).drop_vars("crs")
    stored.attrs = {"units": "mm h-1", "scale_factor": 0.01, "_FillValue": np.int16(-1)}
    stored.to_dataset(name="rain_rate").to_zarr(
        tmp_path / "packed.zarr", consolidated=False, encoding={"rain_rate": {"chunks": (4, 4, 5)}}
    )
    return nowcast.open_cube(tmp_path / "packed.zarr")


def cut(cube: xr.DataArray) -> WindowPlan:
    return plan(cube, context=3, horizon=2, patch=(4, 5), patch_stride=3)
