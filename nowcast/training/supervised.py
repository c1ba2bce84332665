"""The supervised task: make a loss between forecast and truth small."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from nowcast.tensors import Batch
from nowcast.training.task import Task

__all__ = ["Supervised"]


class Supervised(Task):
    """A Forecaster, a loss and an optimiser; parameters are those of `Task`."""

    def training_step(self, batch: Batch, index: int) -> Tensor:
        answer = self.answer(batch)
        self.guard.saw(index, answer.wanted)
        self.log_loss("training", answer.pixels, batch=len(batch.context))
        return self.by_its_pixels(answer.wanted, batch)

    def whole(self, batch: Batch) -> Tensor:
        return self.answer(batch).wanted

    def configure_optimizers(self) -> Any:
        optimiser, schedule = self.forecaster_optimiser()
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}
