"""Which observed frames a forecast was made from: what every baseline beside it may look at, and no more."""

from __future__ import annotations

import numpy as np
import xarray as xr

from nowcast.cube import STEP_TOLERANCE, check, runs, time_step
from nowcast.errors import InputError
from nowcast.timeline import with_absent_frames
from nowcast.verification.matching import check_forecast, check_grid, finder, reference_keys

__all__ = ["inputs", "lead_steps"]


def inputs(observed: xr.DataArray, like: xr.DataArray, *, context: int) -> tuple[xr.DataArray, np.ndarray]:
    """The observed cube as the forecaster met it, and where along its time the frames of each forecast lie.

    Parameters
    ----------
    observed
        The cube `(time, channel, y, x)`.
    like
        A forecast cube `(forecast_reference_time, lead_time, channel, y, x)`: its values are never read.
    context
        Frames up to each reference time.

    Returns
    -------
    xr.DataArray, np.ndarray
        The cube, with frames of NaN where the forecaster could do without (`nowcast_max_missing`) and there are none.
        Positions along its time `(forecast_reference_time, context)`, the oldest first; -1 for frames beyond a gap in
        time or of another sequence, for those younger than `input_age` tells, and where the reference time was not
        observed.

    Raises
    ------
    InputError
        No cube, no forecast cube, or another grid.
    """
    check(observed)
    name = str(like.attrs.get("nowcast_model", "forecast"))
    check_forecast(like, name)
    check_grid(like, observed, name)
    observed = with_absent_frames(
        observed,
        most=int(like.attrs.get("nowcast_max_missing", 0)),
        until=like["forecast_reference_time"].values.max(),
    )
    by_sequence = "sequence" in observed.coords and "sequence" in like.coords
    frame_at = finder(observed, by_sequence=by_sequence)
    newest = np.array([frame_at(*key) for key in reference_keys(like, by_sequence=by_sequence)])
    run_start = np.concatenate([np.full(len(run), run.start) for run in runs(observed)])
    until = like["forecast_reference_time"].values
    if "input_age" in like.coords:
        until = until - like["input_age"].values
    jitter = np.timedelta64(round(STEP_TOLERANCE * 1e9 * (time_step(observed) or 0.0)), "ns")
    at = newest[:, None] - np.arange(context)[::-1]
    there = (newest >= 0)[:, None] & (at >= run_start[np.maximum(newest, 0)][:, None])
    there &= observed["time"].values[np.maximum(at, 0)] <= (until + jitter)[:, None]
    return observed, np.where(there, at, -1)


def lead_steps(observed: xr.DataArray, like: xr.DataArray) -> np.ndarray:
    """The lead times of a forecast in steps of the observed cube's time.

    Raises
    ------
    InputError
        A lead time that is no whole number of them.
    """
    seconds = like["lead_time"].values / np.timedelta64(1, "s")
    step = time_step(observed) or float(seconds[0])
    steps = np.round(seconds / step).astype(int)
    if (steps < 1).any() or (np.abs(steps * step - seconds) > STEP_TOLERANCE * step).any():
        raise InputError(
            "these lead times are no whole numbers of time steps",
            found=", ".join(f"{value:g} s" for value in seconds[:6]),
            needed=f"multiples of {step:g} s, the observed cube's time step",
        )
    return steps
