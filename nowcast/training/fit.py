"""Fit a forecaster to windows, within a budget, by Lightning's Trainer."""

from __future__ import annotations

import copy
import json
import logging
import time
import warnings
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import lightning as L
import torch
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint, Timer
from torch.utils.data import DataLoader

from nowcast.errors import InputError
from nowcast.losses import Loss
from nowcast.models import Forecaster
from nowcast.progress import bar
from nowcast.tensors import Batch
from nowcast.training.supervised import OPTIMISERS, Supervised
from nowcast.training.watch import History, Interruptible, Progress

__all__ = ["OPTIMISERS", "Budget", "Outcome", "fit", "plan_budget"]

MOST_EPOCHS = 200
DEFAULT_MINUTES = 6.0
"""Without --epochs and --max-minutes: about this long on this machine, or `MOST_EPOCHS`, whichever is less."""


@dataclass(frozen=True)
class Budget:
    """How long a training may take, settled before it starts so that the learning rate can fall in time."""

    epochs: int
    minutes: float | None
    reason: str


@dataclass(frozen=True)
class Outcome:
    """How a training ended. The forecaster given to `fit` then holds the best weights."""

    epochs: int
    best_validation: float
    persistence: float
    ended: str


def plan_budget(
    forecaster: Forecaster,
    loss: Loss,
    training: DataLoader[Batch],
    validation: DataLoader[Batch],
    *,
    epochs: int | None = None,
    max_minutes: float | None = None,
) -> Budget:
    """Time a few steps on a copy of the forecaster and settle the number of epochs.

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
    trial = copy.deepcopy(forecaster)
    context, target, weight = next(iter(training))
    durations = []
    for _ in range(3):
        start = time.perf_counter()
        loss(trial(context, target.shape[1]), target, weight).backward()  # type: ignore[no-untyped-call]
        durations.append(time.perf_counter() - start)
    step = min(durations[1:])
    epoch = step * (len(training) + len(validation) / 3)
    minutes = max_minutes if max_minutes is not None else DEFAULT_MINUTES
    possible = max(1, min(MOST_EPOCHS, int(0.95 * minutes * 60 / epoch)))
    if epochs is not None:
        possible = min(epochs, possible)
    return Budget(possible, max_minutes, f"{step:.2f} s a step here, {epoch:.0f} s an epoch, about {minutes:g} min")


def fit(
    forecaster: Forecaster,
    loss: Loss,
    training: DataLoader[Batch],
    validation: DataLoader[Batch],
    *,
    folder: Path,
    budget: Budget,
    optimiser: str = "adamw",
    learning_rate: float = 1e-3,
    patience: int = 20,
    clip: float = 1.0,
    resume: bool = False,
) -> Outcome:
    """Train in place; the weights that did best on validation stand in the forecaster afterwards.

    Parameters
    ----------
    folder
        `history.jsonl` and `checkpoints/{best,last}.ckpt` are written here.
    patience
        Epochs without a better validation loss after which training ends.
    resume
        Go on from `checkpoints/last.ckpt`.

    Raises
    ------
    InputError
        A loss that is not finite; nothing to resume from.
    """
    checkpoints = folder / "checkpoints"
    last = checkpoints / "last.ckpt"
    if resume and not last.is_file():
        raise InputError(f"{folder}: nothing to resume", found=f"no {last}", next_step="leave out --resume")
    best = ModelCheckpoint(checkpoints, filename="best", monitor="validation", enable_version_counter=False)
    latest = ModelCheckpoint(checkpoints, filename="last", save_top_k=1, enable_version_counter=False)
    stopping = EarlyStopping(monitor="validation", patience=patience)
    interruptible = Interruptible()
    callbacks: list[L.Callback] = [best, latest, stopping, interruptible, History(folder / "history.jsonl")]
    if budget.minutes is not None:
        callbacks.append(Timer(duration=timedelta(minutes=budget.minutes), verbose=False))
    task = Supervised(
        forecaster,
        loss,
        optimiser=optimiser,
        learning_rate=learning_rate,
        steps=budget.epochs * len(training),
        clip=clip,
    )
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    with bar("fit", total=budget.epochs) as line, warnings.catch_warnings():
        # The loader is in memory: workers would only copy it. The Trainer suggests them all the same.
        warnings.filterwarnings("ignore", message=".*does not have many workers.*")
        warnings.filterwarnings("ignore", message=".*GPU available but not used.*")
        # Lightning 2.6 asks torch 2.13 in an old way.
        warnings.filterwarnings("ignore", message=".*isinstance.treespec, LeafSpec.*")
        trainer = L.Trainer(
            max_epochs=budget.epochs,
            callbacks=[*callbacks, Progress(line, budget.epochs)],
            logger=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            log_every_n_steps=1,
        )
        trainer.fit(task, training, validation, ckpt_path=str(last) if resume else None, weights_only=True)
    if best.best_model_path:
        state = torch.load(best.best_model_path, map_location="cpu", weights_only=True)["state_dict"]
        task.load_state_dict(state)
    persistence = float(trainer.callback_metrics.get("persistence", float("nan")))
    return Outcome(
        epochs=trainer.current_epoch,
        best_validation=float(best.best_model_score) if best.best_model_score is not None else float("nan"),
        persistence=persistence,
        ended=_why(trainer, interruptible, stopping, budget),
    )


def _why(trainer: L.Trainer, interruptible: Interruptible, stopping: EarlyStopping, budget: Budget) -> str:
    if interruptible.interrupted:
        return f"interrupted in epoch {trainer.current_epoch + 1}"
    if stopping.stopped_epoch:
        return f"no better validation loss for {stopping.patience} epochs"
    if trainer.current_epoch < budget.epochs:
        return f"the {budget.minutes:g} minutes were over"
    return f"all {budget.epochs} epochs done"


def read_history(folder: Path) -> list[dict[str, float]]:
    """The epochs of a run, oldest first."""
    return [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]
