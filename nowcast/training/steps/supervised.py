"""The supervised task: make a loss between forecast and truth small."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from nowcast.tensors import Batch
from nowcast.training.steps.task import Task
from nowcast.training.steps.together import added_up, shared

__all__ = ["Supervised"]


class Supervised(Task):
    """A Forecaster, a loss and an optimiser; parameters are those of `Task`."""

    def training_step(self, batch: Batch, index: int) -> Tensor:
        share = shared(self, len(batch.context), index)
        answer = self.answer(batch, share)
        self.guard.saw(index, answer.wanted)
        pixels, every = added_up(self, answer.pixels[None], answer.counted)
        self.log_loss("training", pixels[0], batch=share[1])
        return self.by_its_pixels(answer.wanted, answer.counted, every)

    def whole(self, batch: Batch) -> Tensor:
        return self.answer(batch).wanted

    def configure_optimizers(self) -> Any:
        optimiser, schedule = self.forecaster_optimiser()
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}
