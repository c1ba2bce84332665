"""What a network learns from: its loss, and what it is shown of the truth; settled and told before the first step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from nowcast.errors import InputError
from nowcast.losses import THRESHOLDED, Loss, mixture
from nowcast.machine import device
from nowcast.progress import tell
from nowcast.run.preparing.prepared import Prepared
from nowcast.units import conversion
from nowcast.verification import default_thresholds, require_scorable

if TYPE_CHECKING:
    from nowcast.config import Training
    from nowcast.models import Forecaster
    from nowcast.tensors import Loader
    from nowcast.training import Curriculum, Monitor, Recipe

__all__ = ["found_rate", "monitor_of", "objective", "recipe_for", "settled"]

LEAST_STEPS = 300
"""Without a better validation loss before training ends, however few make an epoch."""

TAUGHT = {
    "scheduled": "the truth is fed in place of its own frames, ever less often over the first 40 % of the steps",
    "reverse": "truth and its own frames are mixed in context and horizon, ever less over the first 40 % of the steps",
}


def settled(parts: Sequence[Prepared]) -> list[Prepared]:
    """The parts, with the thresholds of the loss in their settings, in the field's units.

    Raises
    ------
    InputError
        No threshold that was asked for, or that suits the units, parts the values of the training parts.
    """
    training = parts[0].settings.training
    monitor = monitor_of(parts[0])
    if monitor is not None:
        tell(f"monitor  {monitor.text} on the validation part tells which weights are kept (--monitor)")
    if training.teaching in TAUGHT:
        tell(f"teaching {training.teaching}: {TAUGHT[training.teaching]} (training.teaching)")
    if training.lead_weights is not None:
        tell(f"leads    the loss of each lead time counts {_listed(training.lead_weights)}")
    _tell_numbers(training)
    if not THRESHOLDED.keys() & training.loss:
        return list(parts)
    training = training.model_copy(update={"thresholds": _thresholds(parts)})
    settings = parts[0].settings.model_copy(update={"training": training})
    return [replace(part, settings=settings) for part in parts]


def objective(prepared: Prepared, *, even: bool = False) -> tuple[Loss, Curriculum | None]:
    """The loss of the horizon's frames, and what the network is taught; None: nothing.

    With `even` each lead time counts alike, and there may be any number of them. Where chances are told, early lead
    times, at which less is wrong, count more if nothing else is asked.
    """
    from nowcast.training import Curriculum

    training = prepared.settings.training
    leads = training.lead_weights
    if leads is None and prepared.chances:
        leads = tuple((lead + 1) ** -0.5 for lead in range(prepared.plans["training"].horizon))
    thresholds = None
    if training.thresholds is not None:
        thresholds = prepared.scaler.apply(np.array(training.thresholds)).tolist()
    loss = mixture(training.loss, thresholds=thresholds, lead_weights=None if even else leads)
    if training.teaching is None or training.teaching == "none":
        return loss, None
    return loss, Curriculum(training.teaching, mixture(training.loss, thresholds=thresholds), seed=training.seed)


def recipe_for(prepared: Prepared, curriculum: Curriculum | None, *, steps: int = LEAST_STEPS) -> Recipe:
    """How it is trained, with so many batches an epoch."""
    from nowcast.training import Recipe

    training = prepared.settings.training
    rate = training.learning_rate
    return Recipe(
        optimiser=training.optimiser,
        learning_rate=Recipe.learning_rate if rate == "find" else rate,
        patience=max(training.patience, LEAST_STEPS // -(-steps // training.accumulate)),
        clip=training.clip,
        schedule=training.schedule,
        weight_decay=training.weight_decay,
        accumulate=training.accumulate,
        ema=training.ema,
        nonfinite=training.nonfinite,
        most_skipped=training.most_skipped,
        monitor=monitor_of(prepared),
        adversarial=training.adversarial,
        curriculum=curriculum,
        precision=training.precision,
        compiled=training.compiled and device() == "cuda",
    )


def _tell_numbers(training: Training) -> None:
    """What a network is worked out in, and by."""
    if training.precision == "bfloat16":
        tell("numbers  bfloat16 in convolutions; memory cells, losses and weights stay float32 (--precision)")
    elif device() == "cuda":
        tell("numbers  float32; a GPU's convolutions round their factors to tf32 (--precision bfloat16 is quicker)")
    if training.compiled and device() == "cuda":
        tell("compiled for this GPU, before the first step and while that is timed: minutes (training.compiled)")
    elif training.compiled:
        tell("compiled not: no GPU is at hand (training.compiled)")


def monitor_of(prepared: Prepared) -> Monitor | None:
    """The score that weights are kept by, its threshold in the field's units; None: the validation loss.

    Raises
    ------
    InputError
        No such score, units that do not lead to the field's, a window wider than a patch, or no validation part.
    """
    from nowcast.training import Monitor, asked_for

    text = prepared.settings.training.monitor
    if text is None:
        return None
    asked, cube = asked_for(text), prepared.cube
    factor = 1.0 if asked.units is None else conversion(cube, asked.units)
    if factor is None:
        raise InputError(
            f"--monitor {text}: the field is in other units",
            found=f"{asked.units}; the field: {cube.attrs.get('units')}",
            next_step="leave the units out: the threshold is then in the field's",
        )
    if not prepared.settings.windows.fractions[1]:
        raise InputError(
            f"--monitor {text}: there is no validation part to score",
            found=f"--fractions {_listed(prepared.settings.windows.fractions)}",
            next_step="leave it out, or give validation a share",
        )
    patch = prepared.plans["training"].patch if "training" in prepared.plans else cube.shape[2:]
    if asked.scale is not None:
        require_scorable(cube[:1, :, : patch[0], : patch[1]], thresholds=None, scales=[asked.scale])
    return Monitor(text, asked, prepared.scaler, (asked.threshold or 0.0) / factor)


def found_rate(prepared: Prepared, forecaster: Forecaster, loss: Loss, training: Loader, recipe: Recipe) -> Recipe:
    """The recipe with the learning rate that was asked to be found."""
    from nowcast.training import find_learning_rate

    if prepared.settings.training.learning_rate != "find":
        return recipe
    found = find_learning_rate(forecaster, loss, training, recipe=recipe)
    tell(f"rate     {found}  (--learning-rate to name one)")
    return replace(recipe, learning_rate=found.learning_rate)


def _thresholds(parts: Sequence[Prepared]) -> tuple[float, ...]:
    """Those asked for, of the loss or else of the scores, or those that suit the units; as far as they part values."""
    first = parts[0]
    settings = first.settings
    asked = settings.training.thresholds or settings.scores.thresholds
    wanted = asked or default_thresholds(first.cube.isel(time=first.split.frames("training")))
    ends = np.array([min(p.statistics.lowest for p in parts), max(p.statistics.highest for p in parts)])
    lowest, highest = first.scaler.apply(ends)
    # Compared as the network sees them: a logarithm's floor is as low as a value gets.
    scaled = first.scaler.apply(np.array(wanted))
    kept = tuple(float(value) for value, own in zip(wanted, scaled, strict=True) if lowest < own <= highest)
    units = first.cube.attrs.get("units") or ""
    if not kept:
        raise InputError(
            "the loss has no threshold that some training values reach and others do not",
            found=f"{_listed(wanted)}; values from {ends[0]:g} to {ends[1]:g} {units}".rstrip(),
            next_step="name others: --thresholds, or training.thresholds in a configuration; or take another --loss",
        )
    names = ", ".join(name for name in settings.training.loss if name in THRESHOLDED)
    tell(f"loss     {names}: thresholds {_listed(kept)} {units}".rstrip())
    if dropped := [value for value in wanted if value not in kept]:
        tell(f"         left out, as all training values or none reach them: {_listed(dropped)}")
    return kept


def _listed(values: Sequence[float]) -> str:
    return ", ".join(f"{value:g}" for value in values)
