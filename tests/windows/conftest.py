"""What tests of index arithmetic share."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import xarray as xr


@pytest.fixture(scope="session")
def counted() -> Callable[..., xr.DataArray]:
    return _counted


def _counted(frames: int, *, rows: int = 2, columns: int = 2, drop: frozenset[int] = frozenset()) -> xr.DataArray:
    """An empty cube of minutes with some frames dropped."""
    kept = np.array([i for i in range(frames) if i not in drop])
    return xr.DataArray(
        np.zeros((len(kept), 1, rows, columns), "float32"),
        dims=("time", "channel", "y", "x"),
        coords={"time": np.datetime64("2026-05-01", "ns") + kept * np.timedelta64(60, "s")},
        name="rain",
    )
