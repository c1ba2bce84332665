"""Which network is trained, in which frame of reference, and of what chances it tells beside its mean."""

from __future__ import annotations

import inspect
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import xarray as xr

from nowcast.config import Model, Settings
from nowcast.models import MODELS, Advection, Persistence, RecurrentForecaster
from nowcast.progress import tell
from nowcast.scaling import Scaler, Statistics
from nowcast.tensors import load, to_context
from nowcast.units import rain_rate_of_one, spelled
from nowcast.verification import default_thresholds
from nowcast.windows import WindowPlan

__all__ = ["PATCH", "batch_for", "chances", "frame_for", "is_fed_back", "network", "patch_for"]

PATCH = 128
"""Side of training patches where the field is larger and none is asked for."""

MOVING_PATCH = 256
"""The same, of networks in a frame that moves: what is brought from beyond a patch teaches nothing."""

BATCHES = ((PATCH, 8), (MOVING_PATCH, 2))
"""Windows a step, for patches up to that side."""

SMALL_FOLD, LARGE_FOLD = 4, 8
"""Pixels that a recurrent network folds along each side, for fields up to `PATCH` and for larger ones: there echoes
move by more pixels from frame to frame, and what moves further than the layers reach cannot be followed."""

RAIN_RATES = (0.1, 0.2, 0.5, 1.0, 2.0, 3.5, 5.0, 10.0, 20.0)
"""mm h-1, of which the chances are told."""

REFLECTIVITIES = (5.0, 10.0, 15.0, 20.0, 25.0, 30.0, 35.0, 40.0, 45.0, 50.0)
"""dBZ"""

QUANTILES = (0.005, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 0.98, 0.995)
"""Of other fields' training values. What lies between two of them is not told: with nine, the CRPS of a satellite's
next picture was 1.8 times as large (docs/benchmarks.md)."""

LEAST_SHARE = 1e-5
"""Of training values that must reach a threshold, and that must not, for its chances to be learnt."""

LEAST_SPREAD = 0.03
"""Of a threshold's 0 and 1: those that are hardly ever reached do not count for everything."""

TRIALS = 12
"""Training windows in which persistence and advection are compared."""

LARGEST_TRIAL = 512
"""Side in pixels of the middle of the field that is looked at for that."""


def network(settings: Settings, cube: xr.DataArray) -> Model:
    """The model's settings with what is left open filled in, but for the frame."""
    model = settings.model
    known = inspect.signature(MODELS[model.name]).parameters
    updates: dict[str, Any] = {
        key: known[key].default for key in ("hidden", "kernel", "blend") if key in known and getattr(model, key) is None
    }
    if "patch" in known and model.patch is None:
        updates["patch"] = SMALL_FOLD if max(cube.sizes["y"], cube.sizes["x"]) <= PATCH else LARGE_FOLD
    own = model.name == "cascade"
    updates["output"] = model.output or ("chances" if own and set(settings.training.loss) == {"mse"} else "mean")
    updates["frame"] = model.frame or ("auto" if own else "still")
    return model.model_copy(update=updates)


def is_fed_back(model: Model) -> bool:
    """Whether the network is trained on frames of its own, in whose place the truth may be shown."""
    kind = MODELS[model.name]
    around = model.output == "chances" or model.frame not in (None, "still")
    return not around and (bool(model.fed_back) or (issubclass(kind, RecurrentForecaster) and kind.fed_back))


def patch_for(model: Model) -> int:
    """Side of training patches where the field is larger."""
    return PATCH if model.frame == "still" else MOVING_PATCH


def batch_for(side: int) -> int:
    """Windows a step, of patches of that side."""
    return next((batch for most, batch in BATCHES if side <= most), 1)


def frame_for(cube: xr.DataArray, plan: WindowPlan, scaler: Scaler) -> str:
    """The frame of reference in which less changes in the training part: that of the grid, or of the motion.

    Persistence is what happens if nothing changes in the first, advection if nothing does in the second.
    """
    starts = plan.starts
    picked = [starts[i * len(starts) // TRIALS] for i in range(TRIALS)] if len(starts) > TRIALS else starts
    channels = cube.sizes["channel"]
    still, moving = Persistence(channels=channels, masked=True), Advection(channels=channels, masked=True)
    errors = np.zeros(2)
    middle = cube.isel({axis: _middle(cube.sizes[axis]) for axis in ("y", "x")})
    for start in dict.fromkeys(picked):
        frames = scaler.apply(load(middle.isel(time=slice(start, start + plan.context + plan.horizon))))
        context = to_context(frames[: plan.context], masked=True, held=False)[None]
        truth = torch.from_numpy(frames[plan.context :])[None]
        with torch.inference_mode():
            moved, known = moving.transport(context, plan.horizon)
            seen = torch.isfinite(truth) & (known > 0)
            for place, answer in enumerate((still(context, plan.horizon), moved)):
                errors[place] += float(torch.where(seen, answer - truth, 0).square().sum())
    ratio = errors[1] / errors[0] if errors[0] > 0 else 1.0
    frame = "lagrangian" if ratio < 1 else "still"
    meaning = "what moves is held still" if frame == "lagrangian" else "that of the grid"
    tell(f"frame    {frame} ({meaning}): advection's squared error is {ratio:.2f} of persistence's (--frame)")
    return frame


def chances(
    cube: xr.DataArray, statistics: Statistics, scaler: Scaler, asked: Sequence[float] | None
) -> dict[str, Any]:
    """Keywords of `nowcast.models.Exceedance`: thresholds that part the training values, and how these are spread.

    Parameters
    ----------
    statistics
        Of the training part.
    asked
        Thresholds of the scores, in the field's units, which are told of too where training values reach them.
    """
    levels = sorted({*_usual(cube, statistics), *(asked or _scored(cube))})
    sample = statistics.sample
    scaled_sample = scaler.apply(sample)
    kept: list[tuple[float, float, float]] = []
    for level, scaled in zip(levels, scaler.apply(np.array(levels)).tolist(), strict=True):
        share = float((scaled_sample >= scaled - 1e-5).mean())
        if LEAST_SHARE <= share <= 1 - LEAST_SHARE and (not kept or scaled > kept[-1][1] + 1e-4):
            kept.append((level, scaled, max(LEAST_SPREAD, math.sqrt(share * (1 - share)))))
    if not kept:
        return {}
    bend = {"log": scaler.factor, "db": scaler.factor * math.log(10) / 10}.get(scaler.method, 0.0)
    linear = np.expm1(scaled_sample * bend) / math.expm1(bend) if bend else scaled_sample
    spread = float(linear.std()) or 1.0
    units = str(cube.attrs.get("units") or "").strip()
    units = "" if units == "1" else units
    told = ", ".join(f"{level:g}" for level, _, _ in kept)
    tell(f"chances  to reach {told} {units}".rstrip() + " are told beside the mean (--output mean: none)")
    return {
        "thresholds": [scaled for _, scaled, _ in kept],
        "spreads": [spread, *(each for _, _, each in kept)],
        "bend": bend,
    }


def _scored(cube: xr.DataArray) -> list[float]:
    """Those that are scored if nobody names any, where the units tell them without a look at the values."""
    known = rain_rate_of_one(cube) is not None or (spelled(cube.attrs.get("units")) or "").lower() == "dbz"
    return default_thresholds(cube) if known else []


def _usual(cube: xr.DataArray, statistics: Statistics) -> list[float]:
    if (spelled(cube.attrs.get("units")) or "").lower() == "dbz":
        return list(REFLECTIVITIES)
    one = rain_rate_of_one(cube)
    if one is not None:
        return [float(f"{rate / one:.2g}") for rate in RAIN_RATES]
    return [float(f"{value:.4g}") for value in np.quantile(statistics.sample, QUANTILES)]


def _middle(size: int) -> slice:
    side = min(size, LARGEST_TRIAL)
    return slice((size - side) // 2, (size - side) // 2 + side)
