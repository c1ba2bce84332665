"""Rain that moves as it is, for baselines."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import xarray as xr

PIXELS = 3
"""That everything moves to the right in each step."""


@pytest.fixture
def moving(cube_maker: Callable[..., xr.DataArray]) -> xr.DataArray:
    """Hills of rain that move to the right as they are, over a field of 48 x 64."""
    y, x = np.mgrid[:48, :64].astype("float64")
    values = np.zeros((12, 1, 48, 64), "float32")
    for frame in range(len(values)):
        at = x - PIXELS * frame
        hills = np.sin(2 * np.pi * at / 32) * np.cos(2 * np.pi * y / 24) + np.sin(2 * np.pi * (at + y) / 40)
        values[frame, 0] = 4 * np.maximum(hills, 0)
    return cube_maker(values.shape, values=values)
