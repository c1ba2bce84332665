"""What a training tells while it goes on: how far it is, its losses beside persistence's, when it ends."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import lightning as L
from torch import Tensor

from nowcast.progress import Bar, tell

__all__ = ["Progress"]

QUIET_SECONDS = 20.0
"""Where no live line can be shown (a log, a pipe), a line of text this often."""

LIVE_SECONDS = 0.5
"""The live line tells the loss of the steps this often: to read it makes a GPU wait."""


class Progress(L.Callback):
    """The live line: epoch, the loss of its steps, validation beside persistence, when all is done at the latest.

    Parameters
    ----------
    line
        Where a line moves; where it does not, a line of text is told now and then.
    epochs
        Of the whole training.
    limit
        Seconds left of the time that it may take; None: as long as the epochs take.
    """

    def __init__(self, line: Bar, epochs: int, limit: Callable[[], float | None] = lambda: None) -> None:
        self.line = line
        self.epochs = epochs
        self.limit = limit
        self._told = self._shown = time.monotonic()
        self._begun: tuple[float, float] | None = None
        self._judged = ""

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._begun = time.monotonic(), float(trainer.current_epoch)

    def on_train_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        done = trainer.current_epoch + (batch_idx + 1) / max(1, int(trainer.num_training_batches))
        note = None
        if self.line.live and time.monotonic() > self._shown + LIVE_SECONDS:
            self._shown = time.monotonic()
            loss = _loss(outputs, trainer.accumulate_grad_batches)
            note = f"epoch {trainer.current_epoch + 1}/{self.epochs}{loss}{self._judged}{self.end(done)}"
        self.line.to(done, self.epochs, note)

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        values = {name: float(value) for name, value in trainer.callback_metrics.items()}
        done = trainer.current_epoch + 1
        self._judged = _judged(values)
        text = f"epoch {done}/{self.epochs}  training {values.get('training', 0):.5f}{self._judged}{self.end(done)}"
        self.line.to(done, self.epochs, text)
        if not self.line.live and time.monotonic() > self._told + QUIET_SECONDS:
            self._told = time.monotonic()
            tell("         " + text)

    def end(self, done: float) -> str:
        """When all epochs are done if the others take as long as those since the start, or the time is over."""
        if self._begun is None or done <= self._begun[1] or done >= self.epochs:
            return ""
        start, before = self._begun
        left = (time.monotonic() - start) / (done - before) * (self.epochs - done)
        limit = self.limit()
        left = left if limit is None else min(left, limit)
        if left <= 0:
            return ""
        clock = datetime.now().astimezone() + timedelta(seconds=left)
        return f"  ends by {clock:%H:%M}, in {_duration(left)}"


def _judged(values: Mapping[str, float]) -> str:
    if "validation" not in values:
        return ""
    told = f"  validation {values['validation']:.5f}  (persistence {values.get('persistence', 0):.5f})"
    for name, still in values.items():
        if name.endswith(" of persistence"):  # of the score that was asked for
            score = name.removesuffix(" of persistence")
            told += f"  {score} {values[score]:.5f}  (persistence {still:.5f})"
    return told


def _loss(outputs: Any, parts: int) -> str:
    """Of a step, which Lightning divides by the batches that make one."""
    loss = outputs.get("loss") if isinstance(outputs, dict) else outputs
    return f"  loss {parts * float(loss):.5f}" if isinstance(loss, Tensor) and loss.numel() == 1 else ""


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"
