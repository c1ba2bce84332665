"""Everything that fit settles before the first step, told as it is decided."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xarray as xr

from nowcast.config import Settings
from nowcast.cube import grid_step, iso, label
from nowcast.errors import InputError
from nowcast.losses import SMALLEST, THRESHOLDED
from nowcast.models import Forecaster, build
from nowcast.progress import tell
from nowcast.run.preparing.bridging import bridged, tell_bridged
from nowcast.run.preparing.dividing import cut, tell_events, tell_parts, tell_windows
from nowcast.run.preparing.modelling import batch_for, chances, frame_for, is_fed_back, network, patch_for
from nowcast.sampling import choose
from nowcast.scaling import Scaler, Statistics
from nowcast.timeline import absent_frames, with_absent_marked
from nowcast.verification import require_scorable
from nowcast.windows import PARTS, Split, WindowPlan, plan, starts_of

__all__ = ["Prepared", "prepare"]

RECIPE = {"schedule", "weight_decay", "clip", "accumulate", "ema", "monitor"}
"""Settings of training with which a run goes on as it was begun, told where they are not the usual ones."""


@dataclass(frozen=True)
class Prepared:
    """A cube, and how it is cut, scaled and learnt from; `settings` are resolved: nothing is left to be chosen.

    `plans` has the parts that are not empty. Of a cube without a training part, what is learnt from one is another's.
    """

    cube: xr.DataArray
    settings: Settings
    split: Split
    plans: dict[str, WindowPlan]
    scaler: Scaler
    masked: bool
    statistics: Statistics
    chances: dict[str, Any] = field(default_factory=dict)

    @property
    def batch(self) -> int:
        """Windows a step."""
        return self.settings.training.batch or batch_for(max(self.patch))

    @property
    def patch(self) -> tuple[int, int]:
        """Rows and columns of a window."""
        return next(iter(self.plans.values())).patch

    @property
    def gaps(self) -> dict[str, Any]:
        """How absent frames are treated, as the model file tells it: the policy, and the most in a context."""
        return {"policy": self.settings.windows.gaps, "most": self.settings.windows.max_missing or 0}

    @property
    def held(self) -> bool:
        """Whether missing pixels of the context show the frame before."""
        return self.settings.windows.gaps == "hold"

    def keywords(self) -> dict[str, Any]:
        """How `nowcast.models.build` makes the forecaster."""
        model = self.settings.model
        own = {"channels": self.cube.sizes["channel"], "masked": self.masked, **model.keywords()}
        around: dict[str, Any] = {"frame": model.frame, "exceedance": self.chances or None}
        return own if around == {"frame": "still", "exceedance": None} else {**own, **around}

    def forecaster(self) -> Forecaster:
        return build(self.settings.model.name, self.keywords())

    def fingerprint(self) -> dict[str, Any]:
        """Plain data that is the same when a run is taken up again with the same files and settings."""
        time = self.cube["time"].values
        return {
            "variable": str(self.cube.name),
            "units": self.cube.attrs.get("units"),
            "shape": list(self.cube.shape),
            "grid_step": grid_step(self.cube),
            "first": iso(time[0]),
            "last": iso(time[-1]),
            "training": [[run.start, run.stop] for run in self.split.training],
            "scaler": {**self.scaler.to_dict(), "reason": ""},
            "model": {"name": self.settings.model.name, **self.keywords()},
            "gaps": None if self.gaps["policy"] == "skip" else self.gaps,
            "precision": None if (own := self.settings.training.precision) == "float32" else own,
            "recipe": self.settings.training.model_dump(include=RECIPE, exclude_defaults=True) or None,
        }


def prepare(
    cube: xr.DataArray,
    settings: Settings,
    *,
    divided: tuple[int, int, Split] | None = None,
    taught: Prepared | None = None,
) -> Prepared:
    """Bridge gaps, cut, scale and check; the training part is read once.

    Frames of the file that hold no value at all count as absent in the training part, where reading shows them; in the
    other parts they are frames whose every pixel is missing. With `--gaps skip` they are that everywhere.

    Parameters
    ----------
    divided
        Context, horizon and split, where they were settled for several cubes together; None: they are settled here.
    taught
        Whose scaler and statistics are taken where this cube has no training part.

    Raises
    ------
    InputError
        Too few frames, no value, or settings that this cube cannot be fitted or scored with.
    """
    source = cube
    cube, told = bridged(cube, settings, context_of=lambda bridge: (divided or cut(bridge, settings))[0])
    wanted = told.windows
    context, horizon, parts = cut(cube, told) if divided is None else divided
    if parts.training:
        starts = len(starts_of(parts.training, context + horizon))
        tell_windows(cube, settings, context, horizon, starts=starts)
    if divided is None:
        tell_events([parts])
    model = network(settings, cube)
    side = wanted.patch or min(patch_for(model), max(cube.sizes["y"], cube.sizes["x"]))
    patch = (min(side, cube.sizes["y"]), min(side, cube.sizes["x"]))
    _require_learnable(cube, settings.model_copy(update={"model": model}), patch, horizon)
    teaching = settings.training.teaching or ("scheduled" if is_fed_back(model) else "none")
    require_scorable(cube, thresholds=settings.scores.thresholds, scales=settings.scores.scales)
    frames = np.array(parts.frames("training"), dtype=int)
    frames = frames[~absent_frames(cube)[frames]]
    if taught is None or parts.training:
        statistics, scaler = _learnt(cube.isel(time=frames), settings)
    else:
        statistics, scaler = taught.statistics, taught.scaler
    joined = cube
    if wanted.gaps != "skip" and parts.training:
        cube = with_absent_marked(cube, frames[statistics.empty])
    plans = {
        name: plan(
            cube,
            context=context,
            horizon=horizon,
            stride=wanted.stride,
            patch=patch,
            patch_stride=max(1, min(patch) * 3 // 4) if name == "training" else min(patch),
            within=parts.part(name),
            absent=absent_frames(cube),
            most_absent=wanted.max_missing or 0,
        )
        for name in PARTS
        if parts.part(name)
    }
    if wanted.gaps != "skip":
        tell_bridged(source, joined, cube, plans, wanted)
    tell_parts(cube, parts, plans)
    masked = wanted.gaps != "skip" or statistics.missing > 0
    if model.frame == "auto" and parts.training:
        model = model.model_copy(update={"frame": frame_for(cube, plans["training"], scaler)})
    told_of: dict[str, Any] = {}
    if model.output == "chances" and parts.training:
        told_of = chances(cube, statistics, scaler, settings.scores.thresholds)
    own = model.name == "cascade"
    resolved = settings.model_copy(
        update={
            "model": model,
            "data": settings.data.model_copy(update={"variable": str(cube.name)}),
            "windows": wanted.model_copy(
                update={
                    "context": context,
                    "horizon": horizon,
                    "patch": side,
                    "embargo": parts.embargo or wanted.embargo,
                }
            ),
            "scaling": settings.scaling.model_copy(update={"method": scaler.method}),
            "sampling": settings.sampling.model_copy(
                update={"events": settings.sampling.events or _drawn_by(cube, settings)}
            ),
            "training": settings.training.model_copy(
                update={
                    "teaching": teaching,
                    "batch": settings.training.batch or batch_for(max(patch)),
                    "augment": settings.training.augment or ("auto" if own else "none"),
                }
            ),
        }
    )
    return Prepared(cube, resolved, parts, plans, scaler, masked=masked, statistics=statistics, chances=told_of)


def _learnt(training: xr.DataArray, settings: Settings) -> tuple[Statistics, Scaler]:
    """Of the training part."""
    statistics = Statistics.of(training)
    scaler = Scaler.fit(training, method=settings.scaling.method, statistics=statistics)
    tell(f"scaling  {scaler}")
    if statistics.missing:
        share = statistics.missing / training.size
        tell(f"missing  {share:.1%} of the training pixels: out of loss and scores, and shown to the model")
    return statistics, scaler


def _drawn_by(cube: xr.DataArray, settings: Settings) -> str:
    """What windows are drawn by where nobody says: for the cascade by rain, unless cubes have shares of their own."""
    free = settings.model.name == "cascade" and settings.sampling.weights is None
    return "rain" if free and choose(cube) == "rain" else "none"


def _require_learnable(cube: xr.DataArray, settings: Settings, patch: tuple[int, int], horizon: int) -> None:
    """Refuse losses, weights and teaching that this network on these windows has no use for."""
    asked, model = settings.training, settings.model
    for name in asked.loss:
        least = SMALLEST.get(name, 1)
        if min(patch) < least:
            fits = min(cube.sizes["y"], cube.sizes["x"]) >= least
            raise InputError(
                f"{label(cube)}: the {name.upper().replace('_', '-')} loss needs patches of {least} x {least} pixels",
                found=f"{patch[0]} x {patch[1]}",
                next_step=f"--patch {least} or more" if fits else "another --loss: the field is smaller than that",
            )
    if model.output == "chances" and set(asked.loss) != {"mse"}:
        raise InputError(
            "chances are learnt by their squared error, which no other loss is mixed with",
            found=f"--loss {','.join(asked.loss)}",
            next_step="--output mean for that loss, or leave it out",
        )
    if asked.thresholds is not None and not THRESHOLDED.keys() & asked.loss:
        raise InputError(
            "training.thresholds: none of the losses has any",
            found=", ".join(asked.loss),
            needed="one of " + ", ".join(THRESHOLDED),
        )
    if asked.lead_weights is not None and len(asked.lead_weights) != horizon:
        raise InputError(
            "training.lead_weights: each lead time needs one",
            found=f"{len(asked.lead_weights)} weights for a horizon of {horizon} frames",
            next_step=f"give {horizon}, or --horizon {len(asked.lead_weights)}",
        )
    if asked.teaching not in (None, "none") and not is_fed_back(model):
        raise InputError(
            f"training.teaching: {model.name} takes in no frames of its own, in place of which truth could be shown",
            found=asked.teaching,
            next_step="leave it out, or take one that is: predrnn, predrnn++, e3dlstm, or convlstm with fed_back: true",
        )
