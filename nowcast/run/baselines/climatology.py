"""Climatology as a baseline: the mean field of the training part."""

from __future__ import annotations

from collections.abc import Sequence

import dask.array as da
import numpy as np
import xarray as xr

from nowcast import products
from nowcast.cube import FORECAST_DIMS, label
from nowcast.readers import reading

__all__ = ["climatology"]

MOST_AVERAGED = 500
"""Frames, evenly spread, whose mean is a climatology: more of them change it little, and reading them takes time."""


def climatology(cube: xr.DataArray, frames: Sequence[int], like: xr.DataArray | xr.Dataset) -> xr.DataArray:
    """At every reference and lead time the mean field of some frames; NaN where none of them was observed.

    Parameters
    ----------
    cube
        The cube `(time, channel, y, x)`; at most 500 of its frames, evenly spread, are read.
    frames
        Positions along its time: those of the training part, so that nothing is known of what is to be forecast.
    like
        A forecast whose coordinates are taken.
    """
    like = products.mean(like)
    picked = np.asarray(sorted(frames))
    if len(picked) > MOST_AVERAGED:
        picked = picked[np.linspace(0, len(picked) - 1, MOST_AVERAGED).round().astype(int)]
    total, count = np.zeros(cube.shape[1:]), np.zeros(cube.shape[1:], dtype=int)
    with reading(label(cube)):
        for part in np.array_split(picked, -(-len(picked) // 16)):
            values = cube.isel(time=part).values
            seen = np.isfinite(values)
            total += np.where(seen, values, 0).sum(axis=0, dtype="float64")
            count += seen.sum(axis=0)
    field = np.where(count > 0, total / np.maximum(count, 1), np.nan).astype("float32")
    shape = (like.sizes["forecast_reference_time"], like.sizes["lead_time"], *field.shape)
    return xr.DataArray(
        da.broadcast_to(da.from_array(field, chunks=field.shape), shape, chunks=(1, *shape[1:])),
        dims=FORECAST_DIMS,
        coords=like.coords,
        name=cube.name,
        attrs={**cube.attrs, "forecaster": "climatology", "frames": len(picked)},
    )
