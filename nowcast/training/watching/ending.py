"""How a training ends before its time: nothing gets better any more, or a signal asks for it."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any, cast

import lightning as L
from lightning.pytorch.callbacks import EarlyStopping

from nowcast.errors import StoppedError
from nowcast.progress import tell
from nowcast.training.recipe import Recipe
from nowcast.training.steps import Task

__all__ = ["Patience", "Signals"]


class Patience(EarlyStopping):
    """Ends after so many epochs without a better validation loss or score, of those in which the task says it compares.

    Epochs in which the network is still shown the truth do not count: it learns to forecast alone only after them.
    """

    def __init__(self, recipe: Recipe) -> None:
        mode = "max" if recipe.higher else "min"
        super().__init__(recipe.judged_by, mode=mode, patience=recipe.patience, check_on_train_epoch_end=True)

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        task = cast(Task, pl_module)
        if task.comparable and task.free:
            super().on_train_epoch_end(trainer, pl_module)


class Signals(L.Callback):
    """SIGTERM and Ctrl-C ask for an end after the step in progress, with all kept; a second Ctrl-C ends at once.

    Parameters
    ----------
    again
        How to go on, as a command or in words.

    Attributes
    ----------
    asked
        The signal that came.
    """

    def __init__(self, again: str) -> None:
        self.again = again
        self.asked: signal.Signals | None = None
        self._before: dict[signal.Signals, Any] = {}

    def on_fit_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        for number in self._before:
            signal.signal(number, self._ask)  # in the place of Lightning's, which are set in between

    def _ask(self, number: int, frame: FrameType | None) -> None:
        if self.asked is None:
            self.asked = signal.Signals(number)
            once_more = " (again to end at once)" if number == signal.SIGINT else ""
            tell(f"{self.asked.name:<8} ending after this step, and keeping what was learnt{once_more}")
        elif number == signal.SIGINT:
            raise StoppedError(
                "training ended at once; what was learnt since the last checkpoint is lost",
                next_step=self.again,
                signal=self.asked,
            )

    def teardown(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        self.give_back()

    def give_back(self) -> None:
        """The signals mean again what they meant before."""
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before.clear()
