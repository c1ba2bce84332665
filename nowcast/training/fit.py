"""Fit a forecaster to windows, within a budget, by Lightning's Trainer."""

from __future__ import annotations

import logging
import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import lightning as L
from lightning.pytorch.callbacks import Timer
from lightning.pytorch.loggers import Logger

from nowcast.errors import InputError, MachineError
from nowcast.losses import Loss
from nowcast.models import Forecaster
from nowcast.progress import bar
from nowcast.tensors import Loader
from nowcast.training.checkpoints import Best, PlainCheckpoints, Saving, taken_up
from nowcast.training.planning import Budget
from nowcast.training.recipe import PLAIN, Recipe
from nowcast.training.steps import Task, task_of
from nowcast.training.steps.together import environment, layout
from nowcast.training.watching import EpochMeans, EpochOrders, History, LearningRate, Patience, Progress, Signals

__all__ = ["Outcome", "fit"]


@dataclass(frozen=True)
class Outcome:
    """How a training ended. The forecaster given to `fit` then holds the best weights; `steps` are its own, and
    `skipped` those of them that were left out for their numbers were not finite.

    `best` is their loss on validation, or their score where one is monitored, and `persistence` that of persistence.
    Without a validation part these are the last weights, and both are NaN. `idle`: no step was left to do.
    """

    epochs: int
    steps: int
    best: float
    persistence: float
    ended: str
    skipped: int = 0
    idle: bool = False


def fit(
    forecaster: Forecaster,
    loss: Loss,
    training: Loader,
    validation: Loader | None,
    *,
    folder: Path,
    budget: Budget,
    recipe: Recipe = PLAIN,
    resume: bool = False,
    checkpoint_minutes: float = 5.0,
    again: str = "the same call with resume=True",
    loggers: Sequence[Logger] = (),
    also: Sequence[L.Callback] = (),
) -> Outcome:
    """Train in place; the weights that did best on validation stand in the forecaster afterwards.

    In an adversarial training these are the best of its second half, and the last ones if it ended before.

    Parameters
    ----------
    validation
        None: nothing tells which weights are best; the last ones are kept, and it does not end early.
    folder
        `history.jsonl`, `history.csv`, `checkpoints/step-*.ckpt` and `best.ckpt` are written here; no `best` without
        validation.
    resume
        Go on from the newest checkpoint as if nothing had been: to the bit on a CPU, with the same threads and
        versions. From the beginning, which is told, if none was written yet.
    checkpoint_minutes
        Between two checkpoints within an epoch; one is written at the end of each.
    again
        How to go on with it, as a command or in words, for messages.
    loggers
        Of Lightning's: each epoch's figures go there too.
    also
        Callbacks of Lightning's: called after those that a training has anyway.

    Raises
    ------
    InputError
        A loss that is not finite; a curriculum for a network that is not fed its own frames; checkpoints that are all
        damaged, or a training that was begun the other way.
    MachineError
        A checkpoint cannot be written; the older ones are as they were.
    StoppedError
        SIGTERM or Ctrl-C came; what was learnt is in a checkpoint.
    """
    checkpoints = folder / "checkpoints"
    training.most = budget.batches
    task = task_of(forecaster, loss, recipe=recipe, steps=budget.epochs * -(-len(training) // recipe.accumulate))
    begun = taken_up(checkpoints, task, budget) if resume else None
    checkpoints.mkdir(exist_ok=True)
    signals, stopping = Signals(again), Patience(recipe)
    best = None if validation is None else Best(checkpoints, recipe, resume=begun is not None)
    saving = Saving(checkpoints, budget, minutes=checkpoint_minutes, signals=signals, again=again, begun=begun)
    if begun is not None and begun.over:
        before = _outcome(begun.metrics, begun.epochs, begun.step, task, best, "in an earlier call")
        return replace(before, idle=True)
    timer = Timer(duration=None if budget.minutes is None else timedelta(minutes=budget.minutes), verbose=False)
    callbacks: list[L.Callback] = [
        EpochOrders(),
        EpochMeans(task),
        *([] if best is None else [stopping]),
        signals,
        History(folder / "history.jsonl"),
        timer,
        *([] if best is None else [best]),
        saving,
    ]
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    with bar("fit", total=budget.epochs) as line, warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*GPU available but not used.*")
        warnings.filterwarnings("ignore", message=".*no `val_dataloader`.*")
        # Losses are added up over all processes before they are logged; some weights have no part in some steps.
        warnings.filterwarnings("ignore", message=".*sync_dist=True.*")
        warnings.filterwarnings("ignore", message=".*find_unused_parameters=True.*")
        # Lightning 2.6 asks torch 2.13 in an old way.
        warnings.filterwarnings("ignore", message=".*isinstance.treespec, LeafSpec.*")
        trainer = L.Trainer(
            max_epochs=budget.epochs,
            callbacks=[*callbacks, Progress(line, budget.epochs, timer.time_remaining), LearningRate(), *also],
            accumulate_grad_batches=recipe.accumulate,
            plugins=[PlainCheckpoints(), environment()],
            precision="bf16-mixed" if recipe.precision == "bfloat16" else "32-true",
            logger=list(loggers) or False,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            log_every_n_steps=1,
            **layout(),
        )
        try:
            trainer.fit(task, training, validation, ckpt_path=None if begun is None else str(begun.path))
        except MachineError as error:
            error.next_step = error.next_step or f"make room, or let it be written to; then {again}"
            raise
        except (AttributeError, IndexError, KeyError, RuntimeError, TypeError, ValueError) as error:
            if begun is None or saving.started:
                raise
            raise InputError(f"{begun.path}: does not fit this training", found=str(error).splitlines()[0]) from error
        finally:
            signals.give_back()  # after an error Lightning calls no teardown of callbacks
    metrics = {name: float(value) for name, value in trainer.callback_metrics.items()}
    ended = _why(trainer, stopping, timer, budget)
    return _outcome(metrics, trainer.current_epoch, task.taken, task, best, ended)


def _outcome(
    metrics: Mapping[str, float], epochs: int, steps: int, task: Task, best: Best | None, ended: str
) -> Outcome:
    """With the best weights in the forecaster, where they are known."""
    skipped = int(task.skipped)
    weights = None if best is None else best.weights()
    if weights is not None:
        task.load_state_dict(weights)
    task.settle()
    least = metrics.get(task.recipe.judged_by, math.nan)
    return Outcome(
        epochs=epochs,
        steps=steps,
        best=least if best is None or weights is None else best.score,
        persistence=metrics.get(task.recipe.compared_with, math.nan),
        ended=ended,
        skipped=skipped,
    )


def _why(trainer: L.Trainer, stopping: Patience, timer: Timer, budget: Budget) -> str:
    validation = float(trainer.callback_metrics.get("validation", 0.0))
    if not math.isfinite(validation):
        return f"the validation loss is not finite ({validation}): look at the data with nowcast inspect"
    if stopping.stopped_epoch and stopping.stopped_epoch + 1 == trainer.current_epoch:
        what = "validation loss" if stopping.monitor == "validation" else stopping.monitor
        return f"no better {what} for {stopping.patience} epochs"
    left = timer.time_remaining()
    if left is not None and left <= 0:
        return f"the {budget.minutes:g} minutes were over in epoch {trainer.current_epoch} of {budget.epochs}"
    return f"all {budget.epochs} epochs done"
