"""Forecasts of pysteps (doi:10.5194/gmd-12-4185-2019) through the door of the baselines: its arrays in, our cubes out.

`pysteps` is dense Lucas-Kanade and semi-Lagrangian extrapolation, `steps` the ensemble of Bowler et al. 2006
(doi:10.1256/qj.04.100) along the same motion. It is imported where it is asked for, and what it says is not passed on.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import threading
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import dask
import dask.array as da
import numpy as np
import xarray as xr

from nowcast import products
from nowcast.cube import FORECAST_DIMS, grid_step, label, time_step
from nowcast.errors import InputError, MachineError
from nowcast.timeline import absent_frames
from nowcast.units import rain_rate_of_one
from nowcast.verification import default_thresholds, inputs, lead_steps

__all__ = ["MEMBERS", "PEERS", "peer", "require"]

PEERS = ("pysteps", "steps")

FRAMES = 3
"""That tell motion and growth: the ensemble is autoregressive of the second order."""

MEMBERS = 20
"""Of the ensemble."""

RATES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0)
"""mm h-1; where the ensemble's probabilities are told, and they end at twice the last."""

DRY, FAINTEST = -15.0, -10.0
"""dB of 1 mm h-1: what no rain is in pysteps, and the least rain."""

SEED = 0

_one_at_a_time = threading.Lock()


def require(name: str) -> None:
    """Refuse a baseline whose packages are lacking, before any work.

    Raises
    ------
    MachineError
        With the command that installs them.
    """
    lacking = [package for package in ("pysteps", "cv2") if importlib.util.find_spec(package) is None]
    if lacking:
        packages = " and ".join("opencv-python-headless" if each == "cv2" else each for each in lacking)
        raise MachineError(f"{name}: needs the package {packages}", next_step="pip install 'nowcast[pysteps]'")


def peer(
    name: str,
    observed: xr.DataArray,
    like: xr.DataArray,
    *,
    context: int,
    thresholds: Sequence[float] | None = None,
) -> xr.DataArray | xr.Dataset:
    """What pysteps forecasts for the reference and lead times of another forecast, lazy.

    Parameters
    ----------
    name
        `"pysteps"`, a cube; or `"steps"`, a Dataset of products (see `nowcast.products`).
    observed, like, context
        As `nowcast.run.baselines.advection.advection`; of the context, the newest three frames in a row that are
        there are used.
    thresholds
        At which probabilities are told, in the field's units, beside those of `RATES`; None: those that are scored.

    Raises
    ------
    InputError
        Fewer than three frames; an ensemble of what is no rain.
    MachineError
        As `require`.
    """
    require(name)
    if context < FRAMES:
        raise InputError(f"{name} needs {FRAMES} frames", found=f"a context of {context}")
    observed, at = inputs(observed, like, context=context)
    there = (at >= 0) & ~absent_frames(observed)[at]
    steps = lead_steps(observed, like)
    if name == "steps":
        levels, settings = _of_ensemble(observed, thresholds)
    else:
        levels, settings = [], {"one": rain_rate_of_one(observed)}
    attrs = {**observed.attrs, "forecaster": name, "context": context}
    products_made = 2 + len(levels) if levels else 1
    shape = (1, len(steps), products_made, *observed.shape[1:])
    pieces = []
    for places, known in zip(at, there, strict=True):
        in_a_row = [end for end in range(FRAMES, len(known) + 1) if known[end - FRAMES : end].all()]
        if not in_a_row:
            pieces.append(da.full(shape, np.nan, dtype="float32", chunks=shape))
            continue
        end = in_a_row[-1]
        frames = observed.data[places[end - FRAMES : end]]
        made = dask.delayed(_answered)(name, frames, steps + len(known) - end, products_made, settings)
        pieces.append(da.from_delayed(made, shape, dtype="float32"))
    layers = da.concatenate(pieces)

    def cube(data: Any) -> xr.DataArray:
        return xr.DataArray(data, dims=FORECAST_DIMS, coords=like.coords, name=observed.name, attrs=attrs)

    if not levels:
        return cube(layers[:, :, 0])
    probability = xr.DataArray(
        layers[:, :, 2:],
        dims=products.PROBABILITY_DIMS,
        coords={**like.coords, "threshold": levels},
        attrs={"lowest": 0.0, "highest": 2.0 * levels[-1], "forecaster": name},
    )
    return products.combined(cube(layers[:, :, 0]), cube(layers[:, :, 1]), probability)


def _of_ensemble(observed: xr.DataArray, thresholds: Sequence[float] | None) -> tuple[list[float], dict[str, Any]]:
    """Where its probabilities are told, in the field's units, and what it is to know of the field."""
    one = rain_rate_of_one(observed)
    if one is None:
        units = str(observed.attrs.get("units", "none"))
        raise InputError(f"{label(observed)}: steps is an ensemble of rain", found=f"units {units}")
    asked = default_thresholds(observed) if thresholds is None else thresholds
    levels = sorted({float(f"{rate / one:.2g}") for rate in RATES} | {float(each) for each in asked if each > 0})
    grid = grid_step(observed)
    to_kilometres = {"m": 1e-3, "km": 1.0}.get(str(grid["units"])) if grid else None
    return levels, {
        "one": one,
        "kilometres": (grid["y"] + grid["x"]) / 2 * to_kilometres if grid and to_kilometres else None,
        "minutes": (time_step(observed) or 0.0) / 60,
        "levels": [level * one for level in levels],
    }


def _answered(
    name: str, frames: np.ndarray, steps: np.ndarray, products_made: int, settings: dict[str, Any]
) -> np.ndarray:
    """`(t c y x)` to `(1 lead product c y x)`."""
    answer = _ensemble if name == "steps" else _extrapolated
    channels = []
    with _silent():
        for channel in range(frames.shape[1]):
            field = frames[:, channel].astype("float64")
            if np.isfinite(field[-1]).any():
                channels.append(answer(field, steps, **settings))
            else:
                channels.append(np.full((len(steps), products_made, *field.shape[1:]), np.nan))
    return np.stack(channels, axis=2)[None].astype("float32")


def _decibels(rate: np.ndarray) -> np.ndarray:
    """Rain in mm h-1 to dB; what is less than 0.1 is `DRY`, NaN stays NaN."""
    decibels = 10 * np.log10(np.maximum(rate, 10 ** (FAINTEST / 10)))
    return np.where(rate < 10 ** (FAINTEST / 10), DRY, decibels)


def _motion(field: np.ndarray) -> np.ndarray:
    from pysteps import motion

    found: np.ndarray = motion.get_method("LK")(np.ma.masked_invalid(field), verbose=False)
    return found


def _carried(field: np.ndarray, moving: np.ndarray, steps: np.ndarray) -> np.ndarray:
    from pysteps import extrapolation

    carry = extrapolation.get_method("semilagrangian")
    carried: np.ndarray = carry(field, moving, int(steps.max()), allow_nonfinite_values=True)[steps - 1]
    return carried


def _extrapolated(field: np.ndarray, steps: np.ndarray, *, one: float | None) -> np.ndarray:
    """Motion in dB where the field is rain; what is carried along are the values as they are."""
    moving = _motion(field if one is None else _decibels(field * one))
    return _carried(field[-1], moving, steps)[:, None]


def _ensemble(
    field: np.ndarray,
    steps: np.ndarray,
    *,
    one: float,
    kilometres: float | None,
    minutes: float,
    levels: list[float],
) -> np.ndarray:
    """The ensemble's mean, its probability-matched mean (Ebert 2001) and the fractions of members at each level."""
    from pysteps import nowcasts

    rain = _decibels(field * one)
    moving = _motion(rain)
    known = np.isfinite(_carried(field[-1], moving, steps))
    answer = np.zeros((len(steps), 2 + len(levels), *field.shape[1:]))
    wanted = {step: place for place, step in enumerate(steps.tolist())}
    made = iter(range(1, int(steps.max()) + 1))

    def gather(members: np.ndarray) -> None:
        place = wanted.get(next(made))
        if place is None:
            return
        rates = np.where(members >= FAINTEST, 10 ** (members / 10), 0.0)
        known[place] &= np.isfinite(members).all(axis=0)
        mean = rates.mean(axis=0)
        answer[place, 0] = mean / one
        answer[place, 1] = _matched(mean, rates, known[place]) / one
        for number, level in enumerate(levels):
            answer[place, 2 + number] = (rates >= level * (1 - 1e-6)).mean(axis=0)

    if (rain[-1] > DRY).any():
        nowcasts.get_method("steps")(
            np.where(np.isfinite(rain), rain, DRY),
            moving,
            int(steps.max()),
            n_ens_members=MEMBERS,
            n_cascade_levels=min(6, max(2, int(np.log2(min(field.shape[1:]))) - 2)),
            precip_thr=FAINTEST,
            kmperpixel=kilometres,
            timestep=minutes,
            vel_pert_method="bps" if kilometres else None,
            seed=SEED,
            callback=gather,
            return_output=False,
        )
    return np.where(known[:, None], answer, np.nan)


def _matched(mean: np.ndarray, members: np.ndarray, known: np.ndarray) -> np.ndarray:
    """The mean's pattern with the values of all members: the wettest place gets the largest, and so on."""
    field = np.zeros_like(mean)
    count = int(known.sum())
    if count:
        pooled = np.sort(members[:, known], axis=None).reshape(count, len(members))
        drawn = np.empty(count)
        drawn[np.argsort(mean[known], kind="stable")] = np.median(pooled, axis=1)
        field[known] = drawn
    return field


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """Within it nothing is printed or warned of; in one thread at a time, for both are the whole program's."""
    with _one_at_a_time, warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        yield
