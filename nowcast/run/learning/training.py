"""Prepared cubes in, a trained forecaster and its scores out; all that the run's folder holds of them is written."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
import xarray as xr

from nowcast import config, model_file, ranks
from nowcast.atomic import write_text
from nowcast.errors import InputError
from nowcast.models import Forecaster, Framed
from nowcast.progress import tell
from nowcast.run import folder
from nowcast.run.folder.circumstances import Durations, taken_up
from nowcast.run.judging import judge_all, unscored
from nowcast.run.learning.card import card_of
from nowcast.run.learning.loaders import loader
from nowcast.run.learning.memory import fitted_into_memory
from nowcast.run.learning.objective import found_rate, objective, recipe_for
from nowcast.run.preparing.prepared import Prepared
from nowcast.run.reporting import write_model_card
from nowcast.tensors import Loader

if TYPE_CHECKING:
    from lightning import Callback
    from lightning.pytorch.loggers import Logger

    from nowcast.training import Outcome

__all__ = ["learn", "train"]


def train(
    parts: Sequence[Prepared],
    place: Path,
    *,
    resume: bool,
    durations: Durations,
    again: str,
    logger: Logger | Sequence[Logger] | None = None,
) -> xr.Dataset:
    """The scores of the first cube with a test part, of a forecaster trained on all that have a training part.

    Parameters
    ----------
    again
        The command that goes on with it, for messages.

    Raises
    ------
    InputError
        What `nowcast.training.fit` refuses; nothing is left to do.
    MachineError
        The disk is full or may not be written.
    """
    before = folder.steps_taken(place)
    forecaster, outcome = learn(parts, place, resume=resume, durations=durations, logger=logger, again=again)
    ranks.leave()
    if not ranks.here().first:  # the first scores, and writes, alone
        return unscored(parts[0]).assign_attrs(run=str(place), model_file=str(place / folder.MODEL))
    if outcome.idle and _is_finished(parts, place):
        raise InputError(
            f"{place}: nothing is left to do",
            found=f"{outcome.epochs} epoch(s) done, and scored",
            next_step=f"--epochs {2 * outcome.epochs} to go on",
        )
    durations.keep(place, steps=outcome.steps - before)
    if resume:
        taken_up(place)
    card = card_of(parts, forecaster)
    model_file.save(place / folder.MODEL, forecaster, card)
    with durations.phase("scoring"):
        scores = judge_all(parts, forecaster, card, place)
    durations.keep(place)
    write_model_card(place)
    return scores


def learn(
    parts: Sequence[Prepared],
    place: Path,
    *,
    resume: bool,
    durations: Durations,
    logger: Logger | Sequence[Logger] | None = None,
    also: Sequence[Callback] = (),
    again: str = "the same call with resume=True",
) -> tuple[Forecaster, Outcome]:
    """A forecaster that is trained on the training parts, with the weights that did best on those of validation.

    The run's folder `place` then holds the resolved settings, how time was split, history and checkpoints.

    Raises
    ------
    InputError, MachineError
        As `train`.
    """
    from nowcast.training import loggers_for

    settings = parts[0].settings
    if ranks.here().first and not (place / folder.CONFIG).exists():
        write_text(place / folder.CONFIG, config.dump(settings))
    torch.manual_seed(settings.training.seed)
    forecaster = parts[0].forecaster()
    loaders = [loader(parts, "training", place=place)]
    if any("validation" in part.plans for part in parts):
        loaders.append(loader(parts, "validation"))
    try:
        loggers = loggers_for(settings.training.log, logger, folder=place, settings=config.flat(settings))
        told: dict[str, Any] = {"resume": resume, "loggers": loggers, "also": also, "again": again}
        return forecaster, _fitted(parts, forecaster, loaders, place, told, durations=durations)
    finally:
        for each in loaders:
            each.close()


def _fitted(
    parts: Sequence[Prepared],
    forecaster: Forecaster,
    loaders: Sequence[Loader],
    place: Path,
    told: Mapping[str, Any],
    *,
    durations: Durations,
) -> Outcome:
    """`told` are further keywords of `nowcast.training.fit`."""
    from nowcast import training

    prepared = parts[0]
    settings = prepared.settings
    loss, curriculum = objective(prepared)
    epoch = min(len(loaders[0]), settings.training.epoch_batches or len(loaders[0]))
    recipe = recipe_for(prepared, curriculum, steps=epoch)
    parameters = sum(p.numel() for p in forecaster.parameters())
    tell(f"model    {settings.model.name}, {parameters:,} parameters")
    forecaster.low_memory = ranks.from_first(lambda: fitted_into_memory(prepared, forecaster))
    validation = loaders[1] if len(loaders) > 1 else None
    if validation is None:
        tell("beware   no validation part: the last weights are kept, were they worse, and nothing ends it early")
    recipe = found_rate(prepared, forecaster, loss, loaders[0], recipe)
    epochs, max_minutes = settings.training.epochs, settings.training.max_minutes
    batches = settings.training.epoch_batches
    if told["resume"] and epochs is not None:
        begun = config.resolve(place / folder.CONFIG).training
        longer = begun.epochs is not None and epochs > begun.epochs and max_minutes == begun.max_minutes
        limit = None if longer else max_minutes
        budget = training.Budget(epochs, limit, "as the run was begun, or is now asked to be", batches)
    else:
        timed = partial(training.plan_budget, forecaster, loss, loaders[0], validation, recipe=recipe)
        planned = ranks.from_first(lambda: asdict(timed(epochs=epochs, max_minutes=max_minutes, batches=batches)))
        budget = training.Budget(**planned)
    tell(f"budget   {budget}  (--epochs or --max-minutes to change)")
    settled = {
        "epochs": budget.epochs,
        "max_minutes": budget.minutes,
        "epoch_batches": budget.batches,
        "learning_rate": recipe.learning_rate,
        "low_memory": forecaster.low_memory,
    }
    settings = settings.model_copy(update={"training": settings.training.model_copy(update=settled)})
    if ranks.here().first:
        write_text(place / folder.CONFIG, config.dump(settings))
    for number, part in enumerate(parts if ranks.here().first else [], 1):
        audit = json.dumps(part.split.audit(part.cube), indent=2)
        write_text(place / folder.numbered(folder.SPLIT, number), audit)
    with durations.phase("training"):
        outcome = training.fit(
            forecaster,
            loss,
            loaders[0],
            validation,
            folder=place,
            budget=budget,
            recipe=recipe,
            checkpoint_minutes=settings.training.checkpoint_minutes,
            **told,
        )
    judged_by = f"; {recipe.judged_by} {outcome.best:.5f}, persistence {outcome.persistence:.5f}"
    tell(f"trained  {outcome.steps} steps, {outcome.ended}{'' if validation is None else judged_by}")
    if outcome.skipped:
        tell(f"beware   {outcome.skipped} step(s) were skipped: their loss or gradients were not finite")
    if validation is not None and isinstance(forecaster, Framed) and forecaster.exceedance is not None:
        tell(f"chances  {training.calibrate(forecaster, validation, horizon=prepared.plans['training'].horizon)}")
    return outcome


def _is_finished(parts: Sequence[Prepared], place: Path) -> bool:
    """Whether the model was written, and scored where it can be."""
    model, tested = place / folder.MODEL, any("test" in part.plans for part in parts)
    return model.exists() and (not tested or bool(model_file.load_card(model).verdict))
