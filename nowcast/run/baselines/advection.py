"""Advection as a baseline: what moved goes on moving.

Advection finds its motion in frames that are scaled as rain is for a network, log(1 + rain / floor) with the lower
quartile of the rain in them as its floor, or as they are where the field is no rain; what it carries along are the
values as they are. A pixel that it brings nothing to is missing.
"""

from __future__ import annotations

import threading

import dask
import dask.array as da
import numpy as np
import torch
import xarray as xr

from nowcast.cube import FORECAST_DIMS
from nowcast.machine import device
from nowcast.models.advection import completed, motion, transport
from nowcast.scaling import Scaler
from nowcast.timeline import absent_frames
from nowcast.units import is_rain, rain_rate_of_one
from nowcast.verification import inputs, lead_steps

__all__ = ["NEWEST", "advection", "frames_needed"]

NEWEST = 3
"""Frames that tell a motion: enough to tell it from noise, and it has not changed much in between."""

_one_at_a_time = threading.Lock()


def advection(observed: xr.DataArray, like: xr.DataArray, *, context: int) -> xr.DataArray:
    """What moved goes on moving (`nowcast.models.Advection`), for the reference and lead times of another forecast.

    Parameters
    ----------
    observed, like
        As `nowcast.verification.persistence`.
    context
        Frames that it may look at. Motion is that of the newest three that are there; one alone does not move.

    Returns
    -------
    xr.DataArray
        A lazy forecast cube in the units of `observed`, a dask chunk per reference time; NaN where nothing was brought.

    Raises
    ------
    InputError
        As `nowcast.verification.inputs`.
    """
    observed, at = inputs(observed, like, context=context)
    there = (at >= 0) & ~absent_frames(observed)[at]
    steps = lead_steps(observed, like)
    rain = is_rain(observed) or rain_rate_of_one(observed) is not None
    shape = (1, len(steps), *observed.shape[1:])
    pieces = []
    for places, known in zip(at, there, strict=True):
        taken = places[-frames_needed(known) :]
        made = dask.delayed(_advected)(observed.data[np.maximum(taken, 0)], taken >= 0, steps, rain=rain)
        pieces.append(da.from_delayed(made, shape, dtype="float32"))
    return xr.DataArray(
        da.concatenate(pieces),
        dims=FORECAST_DIMS,
        coords=like.coords,
        name=observed.name,
        attrs={**observed.attrs, "forecaster": "advection", "context": context},
    )


def frames_needed(there: np.ndarray) -> int:
    """Of the frames of a context, which are there or not, how many of the newest hold `NEWEST` that are."""
    behind = np.flatnonzero(np.cumsum(there[::-1]) >= NEWEST)
    return int(behind[0]) + 1 if len(behind) else len(there)


def _advected(frames: np.ndarray, there: np.ndarray, steps: np.ndarray, *, rain: bool) -> np.ndarray:
    """Frames `(t c y x)`, of which some may not be looked at, carried so many steps ahead: `(1 lead c y x)`."""
    values = frames.astype("float32")
    values[~there] = np.nan
    seen = np.isfinite(values)
    if not seen.any():
        return np.full((1, len(steps), *values.shape[1:]), np.nan, dtype="float32")
    if rain:
        wet = values[values > 0]
        scaled = Scaler("log", 0.0, 1.0, floor=float(np.quantile(wet, 0.25)) if len(wet) else 1.0).apply(values)
    else:
        scaled = values
    place = device()
    # Torch has its own threads; two forecasts at a time would only fight for them.
    with _one_at_a_time, torch.inference_mode():
        value, sight, known = (
            torch.from_numpy(np.where(seen, each, 0))[None].to(place) for each in (values, scaled, seen)
        )
        known = known.to(value.dtype)
        moving = motion(sight, known)
        moved, brought = transport(*completed(value, known, moving), moving, int(steps.max()))
        answer: np.ndarray = torch.where(brought > 0, moved, torch.nan)[:, steps - 1].cpu().numpy()
    return answer
