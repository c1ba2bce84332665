"""What every task of training has: a forecaster, a loss over its pixels, an optimiser, and what is told of them."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import NamedTuple, TypeGuard

import lightning as L
import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR

from nowcast.errors import InputError
from nowcast.losses import Loss, Mixture
from nowcast.models import Forecaster, Lifted, Persistence, RecurrentForecaster
from nowcast.tensors import Batch
from nowcast.training.recipe import OPTIMISERS, PLAIN, Recipe

__all__ = ["MOST_LEADS", "Answer", "Task", "falling"]

MOST_LEADS = 4
"""Lead times that a step of training looks at, where each is told by itself: more steps are worth more."""


class Answer(NamedTuple):
    """`forecast (b t c h w)`; `pixels`, its loss; `wanted`, all that the forecaster's step makes small."""

    forecast: Tensor
    pixels: Tensor
    wanted: Tensor


class Task(L.LightningModule, ABC):
    """Logs the loss of the forecaster, `training` and `validation`, and persistence's beside it.

    Parameters
    ----------
    steps
        The forecaster's steps of the whole training; the learning rate falls along half a cosine to a hundredth over
        them.

    Raises
    ------
    InputError
        A curriculum for a network that is not fed its own frames.
    """

    def __init__(self, forecaster: Forecaster, loss: Loss, *, recipe: Recipe = PLAIN, steps: int = 1000) -> None:
        super().__init__()
        if recipe.curriculum is not None and not _is_fed_back(forecaster):
            raise InputError("only a network that is fed its own frames can be fed the truth in their place")
        self.forecaster = forecaster
        self.persistence = Persistence(channels=forecaster.channels, masked=forecaster.masked)
        self.loss = loss
        self.recipe = recipe
        self.steps = steps
        self._schedule: LambdaLR | None = None

    whole_horizon = False
    """Whether a step needs the frames of all lead times."""

    @property
    def taken(self) -> int:
        """Steps that the forecaster has taken, those before a resume included."""
        return 0 if self._schedule is None else self._schedule.last_epoch

    @property
    def comparable(self) -> bool:
        """Whether the validation loss now tells which weights to keep, and when to end."""
        return True

    @property
    def free(self) -> bool:
        """Whether it is shown no more of the truth than in a forecast: before that, it need not get better at one."""
        told = self.recipe.curriculum
        return told is None or told.chances(self.taken / max(1, self.steps)) == (0.0, 1.0)

    def answer(self, batch: Batch) -> Answer:
        """The forecaster's answer in training, and what is wrong with it."""
        context, target, weight = batch
        if not _is_fed_back(self.forecaster):
            leads = self._looked_at(target.shape[1])
            lifted = self.forecaster.lifted(context, target.shape[1], leads)
            at = [lead - 1 for lead in leads]
            loss = self.loss.at(leads) if isinstance(self.loss, Mixture) else self.loss
            pixels = self._compared(loss, lifted, context, target[:, at], weight[:, at])
            return Answer(self.forecaster.expected(lifted.values), pixels, pixels)
        told = self.recipe.curriculum
        lesson = None if told is None else told.teaching(batch, step=self.taken, steps=self.steps)
        unrolled = self.forecaster.unroll(context, target.shape[1], lesson)
        pixels = wanted = self.loss(unrolled.frames, target, weight)
        if told is not None and unrolled.seen is not None:
            wanted = told.with_context(pixels, unrolled.seen, batch)
        return Answer(unrolled.frames, pixels, wanted if unrolled.apart is None else wanted + unrolled.apart)

    @abstractmethod
    def whole(self, batch: Batch) -> Tensor:
        """All that a step may hold before it goes back, as one scalar."""

    def rehearse(self, batch: Batch) -> None:
        """All that a step computes, up to the gradients, and no weight is changed: for its cost."""
        self.whole(batch).backward()  # type: ignore[no-untyped-call]

    def validation_step(self, batch: Batch, index: int) -> None:
        context, target, weight = batch
        told = self.forecaster.lifted(context, target.shape[1])
        still = told._replace(values=self.forecaster.lift(self.persistence(context, target.shape[1])))
        for name, lifted in (("validation", told), ("persistence", still)):
            self.log(name, self._compared(self.loss, lifted, context, target, weight), batch_size=len(context))

    def _compared(self, loss: Loss, lifted: Lifted, context: Tensor, target: Tensor, weight: Tensor) -> Tensor:
        """The loss in the space that the forecaster learns in, where it had something to tell from."""
        values, wanted = lifted.values, self.forecaster.lift(target)
        stakes = self.forecaster.stakes(context)
        if stakes is not None:
            values, wanted = values * stakes, wanted * stakes
        if lifted.known is not None:
            weight = weight * lifted.known
        return loss(values, wanted, weight.repeat(1, 1, wanted.shape[2] // weight.shape[2], 1, 1))

    def _looked_at(self, horizon: int) -> list[int]:
        """Lead times that a step of training looks at: all, or by turns a few of those that are told apart."""
        if self.whole_horizon or not self.forecaster.leads_apart or horizon <= MOST_LEADS:
            return list(range(1, horizon + 1))
        drawn = torch.Generator().manual_seed(self.taken)
        return sorted((torch.randperm(horizon, generator=drawn)[:MOST_LEADS] + 1).tolist())

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        for group in optimizer.param_groups:
            nn.utils.clip_grad_norm_(group["params"], self.recipe.clip)

    def forecaster_optimiser(self) -> tuple[torch.optim.Optimizer, LambdaLR]:
        """Of the forecaster's weights alone, and its learning rate by step."""
        optimiser = OPTIMISERS[self.recipe.optimiser](self.forecaster.parameters(), lr=self.recipe.learning_rate)
        self._schedule = falling(optimiser, self.steps)
        return optimiser, self._schedule

    def require_finite(self, loss: Tensor) -> None:
        """Refuse to learn from a loss that is infinite or NaN.

        Raises
        ------
        InputError
            It is.
        """
        if not torch.isfinite(loss):
            lower = f"--learning-rate {self.recipe.learning_rate / 10:g}"
            raise InputError(
                f"the loss became {loss.item()} in epoch {self.current_epoch + 1}, step {self.taken}",
                found="values that are not finite, or a learning rate that is too high",
                next_step=f"{lower}, or look at the data: nowcast inspect PATH",
            )

    def log_loss(self, name: str, loss: Tensor, *, batch: int) -> None:
        """The mean over an epoch's steps, of `batch` windows each."""
        self.log(name, loss, on_step=False, on_epoch=True, batch_size=batch)


def _is_fed_back(forecaster: Forecaster) -> TypeGuard[RecurrentForecaster]:
    return isinstance(forecaster, RecurrentForecaster) and forecaster.fed_back


def falling(optimiser: torch.optim.Optimizer, steps: int) -> LambdaLR:
    """A learning rate that rises for 20 steps and falls along half a cosine to a hundredth at `steps`."""

    def share(step: int) -> float:
        warm = min(1.0, (step + 1) / 20)
        done = min(1.0, step / max(1, steps))
        return warm * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * done)))

    return LambdaLR(optimiser, share)
