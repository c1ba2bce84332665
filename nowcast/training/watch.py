"""What watches over a training: which weights are kept, in what order windows come, how it ends before its time."""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from types import FrameType
from typing import Any, cast

import lightning as L
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint

from nowcast.progress import tell
from nowcast.training.task import Task

__all__ = ["Best", "EpochOrders", "Interruptible", "Patience"]


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
