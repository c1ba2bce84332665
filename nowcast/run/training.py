"""Prepared cubes in, a trained forecaster and its scores out; all that the run's folder holds of them is written."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
import xarray as xr

from nowcast import config, model_file
from nowcast.atomic import write_text
from nowcast.models import Forecaster, Framed
from nowcast.progress import tell
from nowcast.run import folder
from nowcast.run.card import card_of
from nowcast.run.circumstances import Durations
from nowcast.run.judging import judge_all
from nowcast.run.learning import objective, recipe_for
from nowcast.run.loaders import loader
from nowcast.run.memory import fitted_into_memory
from nowcast.run.preparing import Prepared
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
    logger: Logger | Sequence[Logger] | None = None,
) -> xr.Dataset:
    """The scores of the first cube with a test part, of a forecaster trained on all that have a training part.

    Raises
    ------
    InputError
        What `nowcast.training.fit` refuses.
    MachineError
        The disk is full or may not be written.
    """
    before = folder.steps_taken(place)
    forecaster, outcome = learn(parts, place, resume=resume, durations=durations, logger=logger)
    durations.keep(place, steps=outcome.steps - before)
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
    torch.manual_seed(settings.training.seed)
    forecaster = parts[0].forecaster()
    loaders = [loader(parts, "training", place=place)]
    if any("validation" in part.plans for part in parts):
        loaders.append(loader(parts, "validation"))
    try:
        loggers = loggers_for(settings.training.log, logger, folder=place, settings=config.flat(settings))
        told: dict[str, Any] = {"resume": resume, "loggers": loggers, "also": also}
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
    recipe = recipe_for(prepared, curriculum, steps=len(loaders[0]))
    parameters = sum(p.numel() for p in forecaster.parameters())
    tell(f"model    {settings.model.name}, {parameters:,} parameters")
    fitted_into_memory(prepared, forecaster)
    validation = loaders[1] if len(loaders) > 1 else None
    if validation is None:
        tell("beware   no validation part: the last weights are kept, were they worse, and nothing ends it early")
    epochs, max_minutes = settings.training.epochs, settings.training.max_minutes
    if told["resume"] and epochs is not None:
        budget = training.Budget(epochs, max_minutes, "as the run was begun")
    else:
        budget = training.plan_budget(
            forecaster,
            loss,
            loaders[0],
            validation,
            epochs=epochs,
            max_minutes=max_minutes,
            recipe=recipe,
        )
    tell(f"budget   {budget}  (--epochs or --max-minutes to change)")
    settled = {"epochs": budget.epochs, "low_memory": forecaster.low_memory}
    settings = settings.model_copy(update={"training": settings.training.model_copy(update=settled)})
    write_text(place / folder.CONFIG, config.dump(settings))
    for number, part in enumerate(parts, 1):
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
            **told,
        )
    judged_by = f"; validation {outcome.best_validation:.5f}, persistence {outcome.persistence:.5f}"
    tell(f"trained  {outcome.steps} steps, {outcome.ended}{'' if validation is None else judged_by}")
    if outcome.skipped:
        tell(f"beware   {outcome.skipped} step(s) were skipped: their loss or gradients were not finite")
    if validation is not None and isinstance(forecaster, Framed) and forecaster.exceedance is not None:
        tell(f"chances  {training.calibrate(forecaster, validation, horizon=prepared.plans['training'].horizon)}")
    return outcome
