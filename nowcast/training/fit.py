"""Fit a forecaster to windows, within a budget, by Lightning's Trainer."""

from __future__ import annotations

import copy
import logging
import math
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import lightning as L
import torch
from lightning.pytorch.callbacks import ModelCheckpoint, Timer
from lightning.pytorch.loggers import Logger

from nowcast.errors import InputError
from nowcast.losses import Loss
from nowcast.models import Forecaster
from nowcast.progress import bar
from nowcast.tensors import Batch, Loader
from nowcast.training.adversarial import Adversarial
from nowcast.training.history import History
from nowcast.training.recipe import PLAIN, Recipe
from nowcast.training.supervised import Supervised
from nowcast.training.task import Task
from nowcast.training.telling import Progress
from nowcast.training.tracking import LearningRate
from nowcast.training.watch import Best, EpochOrders, Interruptible, Patience

__all__ = ["Budget", "Outcome", "a_task", "fit", "plan_budget"]

MOST_EPOCHS = 200
DEFAULT_MINUTES = 6.0
"""Without --epochs and --max-minutes: about this long on this machine, or `MOST_EPOCHS`, whichever is less."""

WARM_UP = 100
"""Steps of an adversarial training with the loss alone, or a tenth of all, whichever is less."""


@dataclass(frozen=True)
class Budget:
    """How long a training may take, settled before it starts so that the learning rate can fall in time."""

    epochs: int
    minutes: float | None
    reason: str

    def __str__(self) -> str:
        limit = "" if self.minutes is None else f", {self.minutes:g} min at most"
        return f"{self.epochs} epoch(s){limit}: {self.reason}"


@dataclass(frozen=True)
class Outcome:
    """How a training ended. The forecaster given to `fit` then holds the best weights; `steps` are its own, and
    `skipped` those of them that were left out for their numbers were not finite.

    Without a validation part these are the last weights, and both losses are NaN.
    """

    epochs: int
    steps: int
    best_validation: float
    persistence: float
    ended: str
    skipped: int = 0


def plan_budget(
    forecaster: Forecaster,
    loss: Loss,
    training: Loader,
    validation: Loader | None,
    *,
    recipe: Recipe = PLAIN,
    epochs: int | None = None,
    max_minutes: float | None = None,
) -> Budget:
    """Time a few steps on a copy of the forecaster and settle the number of epochs.

    Parameters
    ----------
    validation, recipe
        As `fit`.

    Raises
    ------
    InputError
        No epoch, or no time.
    """
    for name, value in (("epochs", epochs), ("max-minutes", max_minutes)):
        if value is not None and value <= 0:
            raise InputError(f"--{name} must be above 0", found=str(value))
    if epochs is not None and max_minutes is None:
        return Budget(epochs, None, "as asked")
    device = "cuda" if torch.cuda.is_available() else "cpu"
    with torch.random.fork_rng(devices=[]):  # a training that is timed begins as one that is not
        trial = a_task(copy.deepcopy(forecaster), loss, recipe=recipe).to(device)
    batch = Batch(*(part.to(device) for part in next(iter(training))))
    durations = []
    for _ in range(3):
        start = time.perf_counter()
        with torch.autocast(device, torch.bfloat16, enabled=recipe.precision == "bfloat16"):
            trial.rehearse(batch)
        if device == "cuda":
            torch.cuda.synchronize()
        durations.append(time.perf_counter() - start)
    step = min(durations[1:])
    epoch = step * (len(training) + (0 if validation is None else len(validation) / 3))
    minutes = DEFAULT_MINUTES if max_minutes is None else max_minutes
    possible = 0.95 * minutes * 60 / epoch
    most = MOST_EPOCHS if epochs is None else epochs
    reason = f"{step:.2f} s a step here, {epoch:.0f} s an epoch"
    reason += "" if possible >= 1 else ", so that not even one is finished"
    # Without --max-minutes the time is an estimate: a machine that turns out busier may take half as long again.
    return Budget(max(1, min(most, int(possible))), minutes if max_minutes is not None else 1.5 * minutes, reason)


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
        `history.jsonl`, `history.csv`, `checkpoints/{best,last}.ckpt` are written here; no `best` without validation.
    resume
        Go on from `checkpoints/last.ckpt`.
    loggers
        Of Lightning's: each epoch's figures go there too.
    also
        Callbacks of Lightning's: called after those that a training has anyway.

    Raises
    ------
    InputError
        A loss that is not finite; a curriculum for a network that is not fed its own frames; nothing to resume from, or
        a training that was begun the other way.
    """
    checkpoints = folder / "checkpoints"
    last = checkpoints / "last.ckpt"
    if resume and not last.is_file():
        raise InputError(f"{folder}: nothing to resume", found=f"no {last}", next_step="leave out --resume")
    if resume:
        begun = torch.load(last, map_location="cpu", weights_only=True)
        judged = any(name.startswith("discriminator.") for name in begun["state_dict"])
        if judged != (recipe.adversarial is not None):
            raise InputError(
                f"{folder}: begun {'with' if judged else 'without'} a discriminator; nothing was changed",
                next_step="--adversarial as it was begun, or begin another run",
            )
        done = int(begun["epoch"]) + 1
        if done >= budget.epochs:
            raise InputError(
                f"{folder}: nothing is left to do; nothing was changed",
                found=f"{done} epoch(s) done",
                next_step=f"--epochs {2 * done} to go on",
            )
    best = None if validation is None else Best(checkpoints)
    latest = ModelCheckpoint(checkpoints, filename="last", save_top_k=1, enable_version_counter=False)
    stopping = Patience(recipe.patience)
    interruptible = Interruptible()
    callbacks: list[L.Callback] = [
        EpochOrders(),
        *([] if best is None else [best]),
        latest,
        *([] if best is None else [stopping]),
        interruptible,
        History(folder / "history.jsonl"),
    ]
    timer = Timer(duration=None if budget.minutes is None else timedelta(minutes=budget.minutes), verbose=False)
    callbacks.append(timer)
    task = a_task(forecaster, loss, recipe=recipe, steps=budget.epochs * -(-len(training) // recipe.accumulate))
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    with bar("fit", total=budget.epochs) as line, warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*GPU available but not used.*")
        warnings.filterwarnings("ignore", message="Checkpoint directory .* exists and is not empty")
        warnings.filterwarnings("ignore", message=".*no `val_dataloader`.*")
        # Lightning 2.6 asks torch 2.13 in an old way.
        warnings.filterwarnings("ignore", message=".*isinstance.treespec, LeafSpec.*")
        trainer = L.Trainer(
            max_epochs=budget.epochs,
            callbacks=[*callbacks, Progress(line, budget.epochs, timer.time_remaining), LearningRate(), *also],
            accumulate_grad_batches=recipe.accumulate,
            precision="bf16-mixed" if recipe.precision == "bfloat16" else "32-true",
            logger=list(loggers) or False,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            log_every_n_steps=1,
        )
        try:
            trainer.fit(task, training, validation, ckpt_path=str(last) if resume else None, weights_only=True)
        finally:
            interruptible.give_back()  # after an error Lightning calls no teardown of callbacks
    steps, skipped = task.taken, int(task.skipped)
    if best is not None and best.best_model_path:
        state = torch.load(best.best_model_path, map_location="cpu", weights_only=True)["state_dict"]
        task.load_state_dict(state)
    task.settle()
    metrics = {name: float(value) for name, value in trainer.callback_metrics.items()}
    score = None if best is None else best.best_model_score
    least = metrics.get("validation", math.nan) if score is None else float(score)
    return Outcome(
        epochs=trainer.current_epoch,
        steps=steps,
        best_validation=least,
        persistence=metrics.get("persistence", math.nan),
        skipped=skipped,
        ended=_why(trainer, interruptible, stopping, timer, budget),
    )


def a_task(forecaster: Forecaster, loss: Loss, *, recipe: Recipe = PLAIN, steps: int = 1000) -> Task:
    """The task that a training is; `steps` are all that it takes."""
    if recipe.adversarial is None:
        return Supervised(forecaster, loss, recipe=recipe, steps=steps)
    return Adversarial(forecaster, loss, recipe=recipe, steps=steps, warm_up=min(WARM_UP, steps // 10))


def _why(trainer: L.Trainer, interruptible: Interruptible, stopping: Patience, timer: Timer, budget: Budget) -> str:
    if interruptible.interrupted:
        return f"interrupted in epoch {trainer.current_epoch}"
    validation = float(trainer.callback_metrics.get("validation", 0.0))
    if not math.isfinite(validation):
        return f"the validation loss is not finite ({validation}): look at the data with nowcast inspect"
    if stopping.stopped_epoch:
        return f"no better validation loss for {stopping.patience} epochs"
    left = timer.time_remaining()
    if left is not None and left <= 0:
        return f"the {budget.minutes:g} minutes were over in epoch {trainer.current_epoch} of {budget.epochs}"
    return f"all {budget.epochs} epochs done"
