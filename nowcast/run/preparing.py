"""Everything that fit settles before the first step, told as it is decided."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from nowcast.config import Model, Settings
from nowcast.cube import Run, grid_step, is_categorical, iso, label, runs, sequence_of, time_step
from nowcast.errors import InputError
from nowcast.losses import SMALLEST, THRESHOLDED
from nowcast.models import MODELS, Forecaster, RecurrentForecaster, build
from nowcast.progress import tell
from nowcast.run.bridging import bridged, tell_bridged
from nowcast.run.source import minutes
from nowcast.scaling import Scaler, Statistics
from nowcast.timeline import absent_frames, with_absent_marked
from nowcast.verification import require_scorable
from nowcast.windows import BY_PUBLISHER, BY_TIME, PARTS, Sequences, Split, WindowPlan, plan, split, suggest

__all__ = ["Prepared", "cut", "prepare"]

PATCH = 128
"""Side of training patches where the field is larger and none is asked for."""

SMALL_FOLD, LARGE_FOLD = 4, 8
"""Pixels that the model folds along each side, for fields up to `PATCH` and for larger ones: there echoes move by more
pixels from frame to frame, and what moves further than the layers reach cannot be followed."""

SHORT = {"training": "train", "validation": "validate", "test": "test"}


@dataclass(frozen=True)
class Prepared:
    """A cube, and how it is cut, scaled and learnt from; `settings` are resolved: nothing is left to be chosen."""

    cube: xr.DataArray
    settings: Settings
    split: Split
    plans: dict[str, WindowPlan]
    scaler: Scaler
    masked: bool
    statistics: Statistics

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
        own = self.settings.model.keywords()
        return {"channels": self.cube.sizes["channel"], "masked": self.masked, **own}

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
        }


def cut(cube: xr.DataArray, settings: Settings) -> tuple[int, int, Split]:
    """Context, horizon and the parts of time, chosen where the settings leave them open.

    Raises
    ------
    InputError
        Too few frames, by the cube's name.
    """
    _require_quantity(cube)
    wanted = settings.windows
    pieces = runs(cube)
    try:
        sequences = Sequences.of(cube)
        published = _published(cube, settings, pieces, sequences)
        if published is not None:
            return published
        context, horizon = suggest(
            pieces,
            context=wanted.context,
            horizon=wanted.horizon,
            fractions=wanted.fractions,
            embargo=wanted.embargo,
            sequences=sequences,
        )
        parts = split(
            pieces,
            window=context + horizon,
            fractions=wanted.fractions,
            embargo=wanted.embargo,
            sequences=sequences,
        )
    except InputError as error:
        raise InputError(
            f"{label(cube)}: {error.what}", found=error.found, needed=error.needed, next_step=error.next_step
        ) from error
    return context, horizon, parts


def _require_quantity(cube: xr.DataArray) -> None:
    """Refuse classes, whose codes have no mean and no error."""
    if not is_categorical(cube):
        return
    codes = sorted(np.unique(cube.isel(time=-1).values[np.isfinite(cube.isel(time=-1).values)]).astype(int).tolist())
    meanings = str(cube.attrs.get("flag_meanings", "")).split()
    known = len(meanings) == np.size(cube.attrs.get("flag_values", ()))
    names = dict(zip(np.ravel(cube.attrs["flag_values"]).tolist(), meanings, strict=True)) if known and meanings else {}
    raise InputError(
        f"{label(cube)}: holds classes, which a model of quantities cannot learn",
        found="codes " + ", ".join(f"{code} {names.get(code, '')}".strip() for code in codes[:20]),
        needed="a quantity, or the question where the field is of some of the classes",
        next_step=f"--classes {','.join(map(str, codes[-2:]))} forecasts where it is one of them",
    )


def _published(
    cube: xr.DataArray, settings: Settings, pieces: list[Run], sequences: Sequences | None
) -> tuple[int, int, Split] | None:
    """The context and horizon that others score this dataset with, where the user leaves one open and they fit."""
    wanted = settings.windows
    context = wanted.context or cube.attrs.get("suggested_context")
    horizon = wanted.horizon or cube.attrs.get("suggested_horizon")
    if not context or not horizon:
        return None
    try:
        parts = split(
            pieces,
            window=context + horizon,
            fractions=wanted.fractions,
            embargo=wanted.embargo,
            sequences=sequences,
        )
    except InputError:
        return None
    return int(context), int(horizon), parts


def prepare(cube: xr.DataArray, settings: Settings) -> Prepared:
    """Bridge gaps, cut, scale and check; the training part is read once.

    Frames of the file that hold no value at all count as absent in the training part, where reading shows them; in the
    other parts they are frames whose every pixel is missing. With `--gaps skip` they are that everywhere.

    Raises
    ------
    InputError
        Too few frames, no value, or settings that this cube cannot be fitted or scored with.
    """
    source = cube
    cube, told = bridged(cube, settings, context_of=lambda bridge: cut(bridge, settings)[0])
    wanted = told.windows
    context, horizon, parts = cut(cube, told)
    step = time_step(cube) or 0.0
    why = _why(cube, settings, context, horizon)
    tell(f"windows  {context} frames in, {horizon} out ({minutes(horizon * step)} ahead): {why}")
    side = wanted.patch or min(PATCH, max(cube.sizes["y"], cube.sizes["x"]))
    patch = (min(side, cube.sizes["y"]), min(side, cube.sizes["x"]))
    _require_learnable(cube, settings, patch, horizon)
    teaching = settings.training.teaching or ("scheduled" if _is_fed_back(settings.model) else "none")
    require_scorable(cube, thresholds=settings.scores.thresholds, scales=settings.scores.scales)
    frames = np.array(parts.frames("training"))
    frames = frames[~absent_frames(cube)[frames]]
    training = cube.isel(time=frames)
    statistics = Statistics.of(training)
    scaler = Scaler.fit(training, method=settings.scaling.method, statistics=statistics)
    tell(f"scaling  {scaler}")
    if statistics.missing:
        share = statistics.missing / training.size
        tell(f"missing  {share:.1%} of the training pixels: out of loss and scores, and shown to the model")
    joined = cube
    if wanted.gaps != "skip":
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
    }
    if wanted.gaps != "skip":
        tell_bridged(source, joined, cube, plans, wanted)
    _tell_parts(cube, parts, plans)
    fold = settings.model.patch or (SMALL_FOLD if max(cube.sizes["y"], cube.sizes["x"]) <= PATCH else LARGE_FOLD)
    widths = settings.model.hidden or inspect.signature(MODELS[settings.model.name]).parameters["hidden"].default
    resolved = settings.model_copy(
        update={
            "model": settings.model.model_copy(update={"patch": fold, "hidden": widths}),
            "data": settings.data.model_copy(update={"variable": str(cube.name)}),
            "windows": wanted.model_copy(
                update={"context": context, "horizon": horizon, "patch": side, "embargo": parts.embargo or None}
            ),
            "scaling": settings.scaling.model_copy(update={"method": scaler.method}),
            "training": settings.training.model_copy(update={"teaching": teaching}),
        }
    )
    masked = wanted.gaps != "skip" or statistics.missing > 0
    return Prepared(cube, resolved, parts, plans, scaler, masked=masked, statistics=statistics)


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
    if asked.teaching not in (None, "none") and not _is_fed_back(model):
        raise InputError(
            f"training.teaching: {model.name} takes in no frames of its own, in place of which truth could be shown",
            found=asked.teaching,
            next_step="leave it out, or take one that is: predrnn, predrnn++, e3dlstm, or convlstm with fed_back: true",
        )


def _is_fed_back(model: Model) -> bool:
    kind = MODELS[model.name]
    return bool(model.fed_back) or (issubclass(kind, RecurrentForecaster) and kind.fed_back)


def _why(cube: xr.DataArray, settings: Settings, context: int, horizon: int) -> str:
    """Where context and horizon come from."""
    if settings.windows.context and settings.windows.horizon:
        return "as asked"
    if (context, horizon) == (cube.attrs.get("suggested_context"), cube.attrs.get("suggested_horizon")):
        return "as this dataset is commonly scored"
    return "the longest that leaves enough to learn from"


def _tell_parts(cube: xr.DataArray, parts: Split, plans: dict[str, WindowPlan]) -> None:
    time, sequence = cube["time"].values, sequence_of(cube)
    counted = "counted_from" in cube["time"].attrs
    _tell_basis(cube, parts)
    for name in PARTS:
        stretch = time[parts.frames(name)]
        patches = len(plans[name].corners)
        held = len({sequence[run.start] for run in parts.part(name)})
        span = f"{held} sequence(s)" if counted else f"{iso(stretch.min())} to {iso(stretch.max())}"
        tell(
            f"{SHORT[name]:<9}{span}: {len(plans[name].starts)} starting times"
            + (f" x {patches} patches of {plans[name].patch[0]} x {plans[name].patch[1]}" if patches > 1 else "")
        )
    if parts.embargo:
        tell(f"embargo  {parts.embargo} frames between the parts, in none of them")
    tested = len(plans["test"].starts)
    if tested < 10:
        tell(f"beware   {tested} starting time(s) to test on say little: give more frames to know more")
    if parts.basis == BY_TIME and not counted and len(np.unique(time)) < len(time):
        tell("beware   sequences share times: training and test may hold the same hours at other places")


def _tell_basis(cube: xr.DataArray, parts: Split) -> None:
    if "part" not in cube.coords:
        if parts.basis != BY_TIME:
            tell(f"split    by {parts.basis}: none is in two parts")
        return
    held = set(np.unique(cube["part"].values.astype(str)).tolist())
    if parts.basis != BY_PUBLISHER:
        lacking = " or ".join(name for name in ("training", "test") if name not in held) or "training or test"
        tell(f"beware   the published parts cannot be kept, nothing long enough for {lacking} is at hand;")
        tell(f"         what there is is split by {parts.basis}: scores are not those of the published test")
    elif "validation" in held:
        tell(f"split    by {parts.basis}")
    else:
        tell(f"split    by {parts.basis}; validation is the last share of what was published for training")
