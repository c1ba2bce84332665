"""What a training run tells and writes while it goes on, and how it ends before its time."""

from __future__ import annotations

import json
import signal
import threading
import time
from pathlib import Path
from types import FrameType
from typing import Any, cast

import lightning as L
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint

from nowcast.atomic import write_text
from nowcast.progress import Bar, tell
from nowcast.training.task import Task

__all__ = ["Best", "EpochOrders", "History", "Interruptible", "Patience", "Progress"]


QUIET_SECONDS = 20.0
"""Where no live line can be shown (a log, a pipe), a line of text this often."""


class EpochOrders(L.Callback):
    """Tells the loader which epoch begins, by which it shuffles."""

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        loader: Any = trainer.train_dataloader
        loader.set_epoch(trainer.current_epoch)


class Best(ModelCheckpoint):
    """Keeps the weights of the epoch with the least validation loss, among those where the task says it compares."""

    def __init__(self, folder: Path) -> None:
        super().__init__(
            folder,
            filename="best",
            monitor="validation",
            enable_version_counter=False,
            save_on_train_epoch_end=True,
        )

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if cast(Task, pl_module).comparable:
            super().on_train_epoch_end(trainer, pl_module)


class Patience(EarlyStopping):
    """Ends after so many epochs without a better validation loss, among those where the task says it compares.

    Epochs in which the network is still shown the truth do not count: it learns to forecast alone only after them.
    """

    def __init__(self, epochs: int) -> None:
        super().__init__(monitor="validation", patience=epochs, check_on_train_epoch_end=True)

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        task = cast(Task, pl_module)
        if task.comparable and task.free:
            super().on_train_epoch_end(trainer, pl_module)


class History(L.Callback):
    """One JSON line per epoch: the forecaster's steps, losses, learning rate, seconds.

    Taken up again, it goes on after the resumed epoch.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.start = time.monotonic()

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        lines = self.path.read_text().splitlines() if self.path.exists() else []
        kept = [line for line in lines if json.loads(line)["epoch"] <= trainer.current_epoch]
        write_text(self.path, "".join(line + "\n" for line in kept))

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        task = cast(Task, pl_module)
        line = {
            "epoch": trainer.current_epoch + 1,
            "step": task.taken,
            **{name: float(value) for name, value in trainer.callback_metrics.items()},
            "learning_rate": trainer.optimizers[0].param_groups[0]["lr"],
            "seconds": round(time.monotonic() - self.start, 2),
        }
        with self.path.open("a") as file:
            file.write(json.dumps(line) + "\n")


class Progress(L.Callback):
    """The live line: epoch, loss, validation beside persistence."""

    def __init__(self, line: Bar, epochs: int) -> None:
        self.line = line
        self.epochs = epochs
        self._told = time.monotonic()

    def on_train_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        share = (batch_idx + 1) / max(1, int(trainer.num_training_batches))
        self.line.to(trainer.current_epoch + share, self.epochs)

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        values = {name: float(value) for name, value in trainer.callback_metrics.items()}
        text = f"epoch {trainer.current_epoch + 1}/{self.epochs}  training {values.get('training', 0):.5f}"
        if "validation" in values:
            text += f"  validation {values['validation']:.5f}  (persistence {values.get('persistence', 0):.5f})"
        self.line.to(trainer.current_epoch + 1, self.epochs, text)
        if not self.line.live and time.monotonic() > self._told + QUIET_SECONDS:
            self._told = time.monotonic()
            tell("         " + text)


class Interruptible(L.Callback):
    """Ctrl-C ends after the step in progress, and what was learnt is kept; a second Ctrl-C ends at once."""

    def __init__(self) -> None:
        self.interrupted = False
        self._before: Any = None

    def on_fit_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if threading.current_thread() is not threading.main_thread():
            return

        def stop(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
            if self.interrupted:
                raise KeyboardInterrupt
            self.interrupted = True
            trainer.should_stop = True
            tell("interrupted: ending after this step, and keeping what was learnt (again to end at once)")

        self._before = signal.signal(signal.SIGINT, stop)

    def on_train_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        if self.interrupted:
            trainer.should_stop = True

    def teardown(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        self.give_back()

    def give_back(self) -> None:
        """Ctrl-C means again what it meant before."""
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)
            self._before = None
