"""Small fields, and forecasts of them that know the truth."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import xarray as xr

Maker = Callable[..., xr.DataArray]


@pytest.fixture
def blob(cube_maker: Maker) -> Maker:
    """Rain in the north-west corner that grows, on a field of 16 x 24."""

    def make(frames: int = 6) -> xr.DataArray:
        values = np.zeros((frames, 1, 16, 24), "float32")
        for frame in range(frames):
            values[frame, 0, 1:5, 1:7] = 5 * (frame + 1)
        return cube_maker(values.shape, values=values)

    return make


@pytest.fixture
def forecast_of() -> Maker:
    """The truth times a share, as a forecast cube."""
    return _forecast_of


def _forecast_of(cube: xr.DataArray, reference: int = 2, leads: int = 3, *, share: float = 1.0) -> xr.DataArray:
    time = cube["time"].values
    lead = (time[reference + 1 : reference + 1 + leads] - time[reference]).astype("timedelta64[ns]")
    return xr.DataArray(
        share * cube.values[None, reference + 1 : reference + 1 + leads],
        dims=("forecast_reference_time", "lead_time", "channel", "y", "x"),
        coords={
            "forecast_reference_time": time[[reference]],
            "lead_time": lead,
            "valid_time": (("forecast_reference_time", "lead_time"), time[[reference], None] + lead[None]),
            "y": cube["y"],
            "x": cube["x"],
        },
        name=cube.name,
        attrs={**cube.attrs, "nowcast_model": "oracle"},
    )
