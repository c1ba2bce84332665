"""The supervised task: make a loss between forecast and truth small."""

from __future__ import annotations

import math
from typing import Any

import lightning as L
import torch
from torch import Tensor, nn

from nowcast.errors import InputError
from nowcast.losses import Loss
from nowcast.models import Forecaster, Persistence
from nowcast.tensors import Batch

__all__ = ["OPTIMISERS", "Supervised"]

OPTIMISERS = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW, "rmsprop": torch.optim.RMSprop}


class Supervised(L.LightningModule):
    """A Forecaster, a loss and an optimiser; logs `training` and `validation` loss, and persistence's beside it.

    Parameters
    ----------
    steps
        Optimiser steps of the whole training; the learning rate falls along half a cosine to a hundredth over them.
    clip
        The gradients' norm is cut to this.
    """

    def __init__(
        self,
        forecaster: Forecaster,
        loss: Loss,
        *,
        optimiser: str = "adamw",
        learning_rate: float = 1e-3,
        steps: int = 1000,
        clip: float = 1.0,
    ) -> None:
        super().__init__()
        if optimiser not in OPTIMISERS:
            raise InputError(f"optimiser {optimiser!r} is not known", needed="one of " + ", ".join(OPTIMISERS))
        self.forecaster = forecaster
        self.persistence = Persistence(channels=forecaster.channels, masked=forecaster.masked)
        self.loss = loss
        self.optimiser = optimiser
        self.learning_rate = learning_rate
        self.steps = steps
        self.clip = clip

    def training_step(self, batch: Batch, index: int) -> Tensor:
        context, target, weight = batch
        loss = self.loss(self.forecaster(context, target.shape[1]), target, weight)
        if not torch.isfinite(loss):
            raise InputError(
                f"the loss became {loss.item()} in epoch {self.current_epoch + 1}, step {self.global_step}",
                found="values that are not finite, or a learning rate that is too high",
                next_step=f"--learning-rate {self.learning_rate / 10:g}, or look at the data: nowcast inspect PATH",
            )
        self.log("training", loss, on_step=False, on_epoch=True, batch_size=len(context))
        return loss

    def validation_step(self, batch: Batch, index: int) -> None:
        context, target, weight = batch
        for name, forecaster in (("validation", self.forecaster), ("persistence", self.persistence)):
            self.log(name, self.loss(forecaster(context, target.shape[1]), target, weight), batch_size=len(context))

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        nn.utils.clip_grad_norm_(self.forecaster.parameters(), self.clip)

    def configure_optimizers(self) -> Any:
        optimiser = OPTIMISERS[self.optimiser](self.forecaster.parameters(), lr=self.learning_rate)

        def fall(step: int) -> float:
            warm = min(1.0, (step + 1) / 20)
            done = min(1.0, step / max(1, self.steps))
            return warm * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * done)))

        schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, fall)
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}
