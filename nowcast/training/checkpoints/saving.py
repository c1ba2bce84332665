"""When checkpoints are written: at the end of each epoch, every few minutes within one, and where a signal came."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any, cast

import lightning as L
from lightning.pytorch.callbacks import Checkpoint

from nowcast.errors import InputError, StoppedError
from nowcast.training.checkpoints.file import DamagedError, read, write
from nowcast.training.checkpoints.folder import BEST, OURS, prune, step_path
from nowcast.training.checkpoints.random_numbers import random_states, set_random_state
from nowcast.training.checkpoints.resuming import Begun
from nowcast.training.planning import Budget
from nowcast.training.recipe import Recipe
from nowcast.training.steps import Task
from nowcast.training.watching import Signals

__all__ = ["Best", "Saving"]


class Best(Checkpoint):
    """Keeps the weights of the best validation loss or score, among epochs in which the task says it compares.

    What `best.ckpt` says is what counts, also for a training that is taken up.

    Attributes
    ----------
    score
        The best so far; infinitely bad before the first.

    Raises
    ------
    InputError
        The file is damaged.
    """

    def __init__(self, folder: Path, recipe: Recipe, *, resume: bool) -> None:
        self.path, self.recipe = folder / BEST, recipe
        self.score = -math.inf if recipe.higher else math.inf
        if not resume:
            self.path.unlink(missing_ok=True)
        try:
            self.score = float(read(self.path)["score"]) if self.path.exists() else self.score
        except DamagedError as error:
            raise InputError(
                f"{self.path}: the best weights so far are damaged; nothing was changed",
                found=error.found,
                next_step=f"rm {self.path}, then the same again: the best of what follows is kept",
            ) from error

    def weights(self) -> dict[str, Any] | None:
        """Of the whole task, where an epoch was judged."""
        return read(self.path)["state_dict"] if self.path.exists() else None

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        task = cast(Task, pl_module)
        score = float(trainer.callback_metrics.get(self.recipe.judged_by, math.nan))
        better = score > self.score if self.recipe.higher else score < self.score
        if not task.comparable or not better:
            return
        self.score = score
        if trainer.is_global_zero:
            epoch = trainer.current_epoch + 1
            write(self.path, {"state_dict": task.state_dict(), "epoch": epoch, "step": task.taken, "score": score})


class Saving(Checkpoint):
    """Writes the checkpoints that a training is taken up from, bit by bit, and ends it where a signal asks for that.

    Parameters
    ----------
    minutes
        Between two of them within an epoch.
    again
        How to go on, as a command or in words.
    begun
        What the training is taken up from.

    Attributes
    ----------
    started
        Whether all is restored, and steps follow.
    """

    def __init__(
        self, folder: Path, budget: Budget, *, minutes: float, signals: Signals, again: str, begun: Begun | None = None
    ) -> None:
        self.folder, self.budget, self.seconds = folder, budget, 60 * minutes
        self.signals, self.again = signals, again
        self.started = False
        self._begun = begun
        self._saved = time.monotonic()
        self._validating = False

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if self._begun is not None:
            set_random_state(self._begun.random[trainer.global_rank % len(self._begun.random)])
            self._begun = None
        self.started = True
        self._saved = time.monotonic()

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if trainer.is_last_batch or trainer.should_stop or trainer.fit_loop._should_accumulate():
            return  # the epoch's end is near, or gradients are held that no checkpoint has
        due = time.monotonic() >= self._saved + self.seconds
        if trainer.strategy.reduce_boolean_decision(due or self.signals.asked is not None, all=False):
            self._save(trainer, cast(Task, pl_module))

    def on_validation_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        if trainer.strategy.reduce_boolean_decision(self.signals.asked is not None, all=False):
            self._validating = True
            self._save(trainer, cast(Task, pl_module))

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._save(trainer, cast(Task, pl_module))

    def on_save_checkpoint(self, trainer: L.Trainer, pl_module: L.LightningModule, checkpoint: dict[str, Any]) -> None:
        if self._validating:
            _before_validation(checkpoint["loops"]["fit_loop"])
        first, *others = random_states()
        checkpoint[OURS] = {
            "step": cast(Task, pl_module).taken,
            "epochs": trainer.fit_loop.epoch_progress.current.processed,  # type: ignore[attr-defined]
            "ended": trainer.should_stop,
            "budget": (self.budget.epochs, self.budget.minutes),
            "metrics": {name: float(value) for name, value in trainer.callback_metrics.items()},
            "random": first,
            "others": others,
        }

    def _save(self, trainer: L.Trainer, task: Task) -> None:
        path = step_path(self.folder, task.taken)
        trainer.save_checkpoint(path)
        if trainer.is_global_zero:
            prune(self.folder, task.taken)
        self._saved = time.monotonic()
        if self.signals.asked is not None:
            raise StoppedError(
                f"training ended by {self.signals.asked.name} after step {task.taken} of {task.steps}",
                found=f"all of it is kept: {path}",
                next_step=self.again,
                signal=self.signals.asked,
            )


def _before_validation(loops: dict[str, Any]) -> None:
    """The state of the loops after an epoch's last step, such that the epoch's validation begins anew.

    Lightning goes back to a validation that it finds begun and not ended; what it had added up of it is not kept.
    """
    begun, none = ({"ready": n, "started": n, "processed": 0, "completed": 0} for n in (1, 0))
    loops["epoch_loop.val_loop.batch_progress"] = {"total": begun, "current": none, "is_last_batch": False}
