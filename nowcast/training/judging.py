"""How a training goes beside persistence, told to somebody who may end it."""

from __future__ import annotations

import math
from collections.abc import Callable

import lightning as L

__all__ = ["MARKS", "Judged"]

MARKS = 8
"""Moments, evenly spread over a training, at which it is judged."""


class Judged(L.Callback):
    """Tells the least validation loss over persistence's, an eighth of the training after another.

    Parameters
    ----------
    judge
        Is told which mark is reached, and the least ratio up to then; what it returns says whether to go on.
    """

    def __init__(self, judge: Callable[[int, float], bool]) -> None:
        self.judge = judge
        self.least = math.inf
        self.mark = 0

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        told = {name: float(value) for name, value in trainer.callback_metrics.items()}
        persistence = told.get("persistence", math.nan)
        ratio = told.get("validation", math.nan) / persistence if persistence else math.nan
        if math.isfinite(ratio):
            self.least = min(self.least, ratio)
        mark = MARKS * (trainer.current_epoch + 1) // (trainer.max_epochs or 1)
        if mark > self.mark and math.isfinite(self.least):
            self.mark = mark
            if not self.judge(mark, self.least):
                trainer.should_stop = True

    def state_dict(self) -> dict[str, float]:
        return {"least": self.least, "mark": self.mark}

    def load_state_dict(self, state_dict: dict[str, float]) -> None:
        self.least, self.mark = state_dict["least"], int(state_dict["mark"])
