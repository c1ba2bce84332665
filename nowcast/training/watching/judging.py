"""How a training goes, told to somebody who may end it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import lightning as L

__all__ = ["MARKS", "Judged"]

MARKS = 8
"""Moments, evenly spread over a training, at which it is judged."""


class Judged(L.Callback):
    """Tells the best score of an epoch so far, an eighth of the training after another.

    Parameters
    ----------
    judge
        Is told which mark is reached, and the best score up to then; what it returns says whether to go on.
    score
        Of an epoch's figures; NaN where they say nothing.
    higher
        Whether more is better.
    """

    def __init__(
        self, judge: Callable[[int, float], bool], *, score: Callable[[Mapping[str, float]], float], higher: bool
    ) -> None:
        self.judge, self.score, self.higher = judge, score, higher
        self.best = -math.inf if higher else math.inf
        self.mark = 0

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        told = {name: float(value) for name, value in trainer.callback_metrics.items()}
        score = self.score(told)
        if math.isfinite(score):
            self.best = max(self.best, score) if self.higher else min(self.best, score)
        mark = MARKS * (trainer.current_epoch + 1) // (trainer.max_epochs or 1)
        if mark > self.mark and math.isfinite(self.best):
            self.mark = mark
            if not self.judge(mark, self.best):
                trainer.should_stop = True

    def state_dict(self) -> dict[str, float]:
        return {"best": self.best, "mark": self.mark}

    def load_state_dict(self, state_dict: dict[str, float]) -> None:
        best = state_dict.get("best", state_dict.get("least", self.best))  # its name in searches begun before
        self.best, self.mark = best, int(state_dict["mark"])
