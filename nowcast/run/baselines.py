"""What a forecast is scored beside: forecasts that nothing was learnt for, made from the very frames that it had.

Advection finds its motion in frames that are scaled as rain is for a network, log(1 + rain / floor) with the lower
quartile of the rain in them as its floor, or as they are where the field is no rain; what it carries along are the
values as they are. A pixel that it brings nothing to is missing.
"""

from __future__ import annotations

import difflib
import threading
from collections.abc import Sequence

import dask
import dask.array as da
import numpy as np
import torch
import xarray as xr

from nowcast import products, rollout
from nowcast.cube import FORECAST_DIMS, label
from nowcast.errors import InputError
from nowcast.machine import device
from nowcast.models import Persistence
from nowcast.models.advection import completed, motion, transport
from nowcast.readers import reading
from nowcast.run import peers
from nowcast.scaling import Scaler
from nowcast.timeline import absent_frames
from nowcast.units import is_rain, rain_rate_of_one
from nowcast.verification import inputs, lead_steps, persistence

__all__ = ["BASELINES", "USUAL", "advection", "baseline", "checked", "climatology", "pattern"]

USUAL = ("persistence", "advection")
"""What is scored beside every forecast."""

BASELINES = (*USUAL, *peers.PEERS)
"""What can be asked for by name: `--baselines`."""

NEWEST = 3
"""Frames that tell a motion: enough to tell it from noise, and it has not changed much in between."""

MOST_AVERAGED = 500
"""Frames, evenly spread, whose mean is a climatology: more of them change it little, and reading them takes time."""

_one_at_a_time = threading.Lock()


def checked(names: Sequence[str], *, flag: str = "--baselines") -> tuple[str, ...]:
    """The names of baselines, each once.

    Raises
    ------
    InputError
        None at all, or one that is not in `BASELINES`.
    MachineError
        The package that one needs is not installed.
    """
    if not names:
        raise InputError(f"{flag} names none", needed="some of " + ", ".join(BASELINES))
    for name in names:
        if name not in BASELINES:
            nearest = difflib.get_close_matches(name, BASELINES, n=1)
            raise InputError(
                f"{flag} {name!r} is not known",
                needed="some of " + ", ".join(BASELINES),
                next_step=f"{flag} {nearest[0]}" if nearest else None,
            )
        if name in peers.PEERS:
            peers.require(name)
    return tuple(dict.fromkeys(names))


def baseline(
    name: str,
    observed: xr.DataArray,
    like: xr.DataArray | xr.Dataset,
    *,
    context: int | None = None,
    thresholds: Sequence[float] | None = None,
) -> xr.DataArray | xr.Dataset:
    """The forecast of a baseline for the reference and lead times of another forecast, lazy.

    Parameters
    ----------
    observed
        The cube `(time, channel, y, x)`.
    like
        A forecast: its coordinates are taken, its values never read.
    context
        Frames up to each reference time that may be looked at; None: as many as the other forecast had.
    thresholds
        At which an ensemble tells probabilities, beside its own.

    Raises
    ------
    InputError
        As `nowcast.verification.inputs`; a field that the baseline is not for.
    """
    like = products.mean(like)
    context = int(like.attrs.get("nowcast_context", 1)) if context is None else context
    if name == "persistence":
        return persistence(observed, like, context=context)
    if name == "advection":
        return advection(observed, like, context=context)
    return peers.peer(name, observed, like, context=context, thresholds=thresholds)


def pattern(cube: xr.DataArray, *, context: int, horizon: int, references: Sequence[int], name: str) -> xr.DataArray:
    """A forecast whose coordinates and attributes are those of every forecast, and whose values are never worked out.

    Parameters are those of `nowcast.rollout.forecast`, which refuses what it does.
    """
    still = Persistence(channels=cube.sizes["channel"])
    as_it_is = Scaler("unit", 0.0, 1.0)
    return products.mean(
        rollout.forecast(still, as_it_is, cube, context=context, horizon=horizon, references=references, name=name)
    )


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
