"""Fit a forecaster to windows, within a budget, by Lightning's Trainer."""

from __future__ import annotations

import copy
import logging
import math
import time
import warnings
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import lightning as L
import torch
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint, Timer

from nowcast.errors import InputError
from nowcast.losses import Loss
from nowcast.models import Forecaster
from nowcast.progress import bar
from nowcast.tensors import Loader
from nowcast.training.supervised import OPTIMISERS, Supervised
from nowcast.training.watch import EpochOrders, History, Interruptible, Progress

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

    def __str__(self) -> str:
        limit = "" if self.minutes is None else f", {self.minutes:g} min at most"
        return f"{self.epochs} epoch(s){limit}: {self.reason}"


@dataclass(frozen=True)
class Outcome:
    """How a training ended. The forecaster given to `fit` then holds the best weights."""

    epochs: int
    steps: int
    best_validation: float
    persistence: float
    ended: str


def plan_budget(
    forecaster: Forecaster,
    loss: Loss,
    training: Loader,
    validation: Loader,
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
    device = "cuda" if torch.cuda.is_available() else "cpu"
    trial = copy.deepcopy(forecaster).to(device)
    context, target, weight = (part.to(device) for part in next(iter(training)))
    durations = []
    for _ in range(3):
        start = time.perf_counter()
        loss(trial(context, target.shape[1]), target, weight).backward()  # type: ignore[no-untyped-call]
        if device == "cuda":
            torch.cuda.synchronize()
        durations.append(time.perf_counter() - start)
    step = min(durations[1:])
    epoch = step * (len(training) + len(validation) / 3)
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
    validation: Loader,
    *,
    folder: Path,
    budget: Budget,
    optimiser: str = "adamw",
    learning_rate: float = 1e-3,
    patience: int = 15,
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
    if resume:
        done = int(torch.load(last, map_location="cpu", weights_only=True)["epoch"]) + 1
        if done >= budget.epochs:
            raise InputError(
                f"{folder}: nothing is left to do; nothing was changed",
                found=f"{done} epoch(s) done",
                next_step=f"--epochs {2 * done} to go on",
            )
    best = ModelCheckpoint(checkpoints, filename="best", monitor="validation", enable_version_counter=False)
    latest = ModelCheckpoint(checkpoints, filename="last", save_top_k=1, enable_version_counter=False)
    stopping = EarlyStopping(monitor="validation", patience=patience)
    interruptible = Interruptible()
    callbacks: list[L.Callback] = [
        EpochOrders(),
        best,
        latest,
        stopping,
        interruptible,
        History(folder / "history.jsonl"),
    ]
    timer = Timer(duration=None if budget.minutes is None else timedelta(minutes=budget.minutes), verbose=False)
    callbacks.append(timer)
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
        warnings.filterwarnings("ignore", message=".*GPU available but not used.*")
        warnings.filterwarnings("ignore", message="Checkpoint directory .* exists and is not empty")
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
        try:
            trainer.fit(task, training, validation, ckpt_path=str(last) if resume else None, weights_only=True)
        finally:
            interruptible.give_back()  # after an error Lightning calls no teardown of callbacks
    if best.best_model_path:
        state = torch.load(best.best_model_path, map_location="cpu", weights_only=True)["state_dict"]
        task.load_state_dict(state)
    persistence = float(trainer.callback_metrics.get("persistence", float("nan")))
    return Outcome(
        epochs=trainer.current_epoch,
        steps=trainer.global_step,
        best_validation=float(best.best_model_score) if best.best_model_score is not None else float("nan"),
        persistence=persistence,
        ended=_why(trainer, interruptible, stopping, timer, budget),
    )


def _why(
    trainer: L.Trainer, interruptible: Interruptible, stopping: EarlyStopping, timer: Timer, budget: Budget
) -> str:
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
