"""The forecast that nothing changes, on the labelled side: what every other forecast has to beat."""

from __future__ import annotations

import dask.array as da
import numpy as np
import xarray as xr

from nowcast.cube import FORECAST_DIMS, STEP_TOLERANCE, check, runs, time_step
from nowcast.errors import InputError
from nowcast.timeline import with_absent_frames
from nowcast.verification.matching import (
    check_forecast,
    check_grid,
    finder,
    reference_keys,
)

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
    check(observed)
    name = str(like.attrs.get("nowcast_model", "forecast"))
    check_forecast(like, name)
    check_grid(like, observed, name)
    if context < 1:
        raise InputError("persistence: context is too short", found=str(context), needed="at least 1 frame")
    observed = with_absent_frames(
        observed,
        most=int(like.attrs.get("nowcast_max_missing", 0)),
        until=like["forecast_reference_time"].values.max(),
    )
    by_sequence = "sequence" in observed.coords and "sequence" in like.coords
    frame_at = finder(observed, by_sequence=by_sequence)
    frames = np.array([frame_at(*key) for key in reference_keys(like, by_sequence=by_sequence)])
    run_start = np.concatenate([np.full(len(run), run.start) for run in runs(observed)])
    # A reference time that was not observed looks at frame 0 and is blanked: fancy indexing knows no "none".
    looked_at = np.maximum(frames, 0)
    data = observed.data if observed.chunks else da.from_array(observed.values, chunks=(1, *observed.shape[1:]))
    if data.dtype.kind != "f":
        data = data.astype(np.float32)
    known = frames >= 0
    time, newest = observed["time"].values, like["forecast_reference_time"].values
    if "input_age" in like.coords:
        newest = newest - like["input_age"].values
    jitter = np.timedelta64(round(STEP_TOLERANCE * 1e9 * (time_step(observed) or 0.0)), "ns")
    held = da.full((len(frames), *observed.shape[1:]), np.nan, dtype=data.dtype, chunks=(1, *observed.shape[1:]))
    for back in range(context):
        reachable = known & (looked_at - back >= run_start[looked_at])
        reachable &= time[np.maximum(looked_at - back, 0)] <= newest + jitter
        earlier = data[np.where(reachable, looked_at - back, 0)]
        held = da.where(da.isnan(held) & reachable[:, None, None, None], earlier, held)
    held = held.rechunk((1, *held.shape[1:]))
    values = da.broadcast_to(held[:, None], (len(frames), like.sizes["lead_time"], *observed.shape[1:]))
    return xr.DataArray(
        values,
        dims=FORECAST_DIMS,
        coords=like.coords,
        name=observed.name,
        attrs={**observed.attrs, "forecaster": "persistence", "context": context},
    )
