"""The forecast that nothing changes, on the labelled side: what every other forecast has to beat."""

from __future__ import annotations

import dask.array as da
import numpy as np
import xarray as xr

from nowcast.cube import FORECAST_DIMS
from nowcast.errors import InputError
from nowcast.verification.inputs import inputs

__all__ = ["persistence"]


def persistence(observed: xr.DataArray, like: xr.DataArray, *, context: int = 1) -> xr.DataArray:
    """Each pixel's last observed value, for the reference and lead times of another forecast.

    Parameters
    ----------
    observed
        The cube `(time, channel, y, x)`.
    like
        A forecast cube `(forecast_reference_time, lead_time, channel, y, x)`: its coordinates are taken, its values
        never read.
    context
        Where a pixel is missing at the reference time, its last value among this many frames is held (1: the frame
        at the reference time alone). Frames beyond a gap in time or of another sequence are not looked at, nor frames
        that `like` did not have: where it tells `input_age`, none younger than that.

    Returns
    -------
    xr.DataArray
        A lazy forecast cube in the units of `observed`; NaN where the reference time is not among the observed ones,
        nor among those that the forecaster could do without (its attribute `nowcast_max_missing`).

    Raises
    ------
    InputError
        No cube, no forecast cube, another grid, or a context below 1.
    """
    if context < 1:
        raise InputError("persistence: context is too short", found=str(context), needed="at least 1 frame")
    observed, frames = inputs(observed, like, context=context)
    data = observed.data if observed.chunks else da.from_array(observed.values, chunks=(1, *observed.shape[1:]))
    if data.dtype.kind != "f":
        data = data.astype(np.float32)
    held = da.full((len(frames), *observed.shape[1:]), np.nan, dtype=data.dtype, chunks=(1, *observed.shape[1:]))
    for at in frames.T[::-1]:
        # What is not there looks at frame 0 and is blanked: fancy indexing knows no "none".
        held = da.where(da.isnan(held) & (at >= 0)[:, None, None, None], data[np.maximum(at, 0)], held)
    held = held.rechunk((1, *held.shape[1:]))
    values = da.broadcast_to(held[:, None], (len(frames), like.sizes["lead_time"], *observed.shape[1:]))
    return xr.DataArray(
        values,
        dims=FORECAST_DIMS,
        coords=like.coords,
        name=observed.name,
        attrs={**observed.attrs, "forecaster": "persistence", "context": context},
    )
