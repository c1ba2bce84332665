"""What every task of training has: a forecaster, a loss over its pixels, an optimiser, and what is told of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, NamedTuple, TypeGuard

import lightning as L
import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR

from nowcast.errors import InputError
from nowcast.losses import Loss, Mixture
from nowcast.models import Forecaster, Lifted, Persistence, RecurrentForecaster
from nowcast.tensors import Batch
from nowcast.training.monitor import Tally
from nowcast.training.recipe import OPTIMISERS, PLAIN, Recipe
from nowcast.training.schedule import scheduled
from nowcast.training.steps.averaging import Averaged
from nowcast.training.steps.compiling import Compiled
from nowcast.training.steps.guards import Guard
from nowcast.training.steps.together import added_up, shared

__all__ = ["MOST_LEADS", "Answer", "Task"]

MOST_LEADS = 4
"""Lead times that a step of training looks at, where each is told by itself: more steps are worth more."""


class Answer(NamedTuple):
    """`forecast (b t c h w)`; `pixels`, its loss; `wanted`, all that the forecaster's step makes small.

    `counted` is how many pixels that loss is the mean over, each as much as it counts.
    """

    forecast: Tensor
    pixels: Tensor
    wanted: Tensor
    counted: Tensor


class Task(L.LightningModule, ABC):
    """Logs the loss of the forecaster, `training` and `validation`, and persistence's beside it.

    Parameters
    ----------
    steps
        The forecaster's steps of the whole training, over which the learning rate goes its way.

    Raises
    ------
    InputError
        A curriculum for a network that is not fed its own frames; compiling one that is not recurrent.
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
        self.guard = Guard()
        self.averaged = None if recipe.ema is None else Averaged(forecaster, decay=recipe.ema)
        counts = recipe.nonfinite == "skip"
        self.register_buffer("skipped", torch.zeros((), dtype=torch.int64), persistent=counts)
        self._schedule: LambdaLR | None = None
        self._counted: list[Tensor] = []
        self._compiled = Compiled(forecaster) if recipe.compiled else None
        self.sums: dict[str, tuple[Tensor, int]] = {}
        """Of what the steps of this epoch told: each summed over its windows, and how many these were."""
        self.tally: Tally | None = None

    skipped: Tensor
    """Steps that were left out, those before a resume included."""

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

    def answer(self, batch: Batch, share: tuple[int, int] | None = None) -> Answer:
        """The forecaster's answer in training, and what is wrong with it.

        Parameters
        ----------
        share
            Of a step that several processes take: the place of the batch's first window among all of the step, and how
            many these are. None: they are the batch.
        """
        context, target, weight = batch
        if not _is_fed_back(self.forecaster):
            leads = self._looked_at(target.shape[1])
            lifted = (self._compiled or self.forecaster).lifted(context, leads)
            at = [lead - 1 for lead in leads]
            loss = self.loss.at(leads) if isinstance(self.loss, Mixture) else self.loss
            pixels, count = self._compared(loss, lifted, context, target[:, at], weight[:, at])
            return Answer(self.forecaster.expected(lifted.values), pixels, pixels, count)
        told = self.recipe.curriculum
        lesson = None if told is None else told.teaching(batch, step=self.taken, steps=self.steps, share=share)
        unrolled = (self._compiled or self.forecaster).unroll(context, target.shape[1], lesson)
        pixels = wanted = self.loss(unrolled.frames, target, weight)
        if told is not None and unrolled.seen is not None:
            wanted = told.with_context(pixels, unrolled.seen, batch)
        wanted = wanted if unrolled.apart is None else wanted + unrolled.apart
        return Answer(unrolled.frames, pixels, wanted, _counted(self.loss, weight))

    @abstractmethod
    def whole(self, batch: Batch) -> Tensor:
        """All that a step may hold before it goes back, as one scalar."""

    def rehearse(self, batch: Batch) -> None:
        """All that a step computes, up to the gradients, and no weight is changed: for its cost."""
        self.whole(batch).backward()  # type: ignore[no-untyped-call]

    @property
    def judged(self) -> Forecaster:
        """The forecaster with the weights that are judged, and kept."""
        return self.forecaster if self.averaged is None else self.averaged.forecaster

    def settle(self) -> None:
        """The forecaster has the weights that are kept."""
        if self.averaged is not None:
            self.forecaster.load_state_dict(self.averaged.forecaster.state_dict())

    def on_validation_epoch_start(self) -> None:
        self.guard.settle(self)
        self.tally = None if self.recipe.monitor is None else Tally(self.recipe.monitor)

    def on_validation_epoch_end(self) -> None:
        if self.tally is not None:
            if self.trainer.world_size > 1:
                self.tally.add_up(self.trainer.strategy.reduce)
            ours, still = self.tally.scores()
            self.log(self.recipe.judged_by, ours)
            self.log(self.recipe.compared_with, still)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self.guard.settle(self)

    def validation_step(self, batch: Batch, index: int) -> None:
        context, target, weight = batch
        told = self.judged.lifted(context, range(1, target.shape[1] + 1))
        still = told._replace(values=self.forecaster.lift(self.persistence(context, target.shape[1])))
        if self.tally is not None:
            self.tally.add(self.judged, told.values, self.persistence(context, target.shape[1]), batch)
        _, windows = shared(self, len(context), index)
        found = [self._compared(self.loss, lifted, context, target, weight) for lifted in (told, still)]
        means, _ = added_up(self, torch.stack([pixels for pixels, _ in found]), found[0][1])
        for name, pixels in zip(("validation", "persistence"), means, strict=True):
            self.log(name, pixels, batch_size=windows)

    def _compared(
        self, loss: Loss, lifted: Lifted, context: Tensor, target: Tensor, weight: Tensor
    ) -> tuple[Tensor, Tensor]:
        """The loss in the space that the forecaster learns in, where it had something to tell from; and its pixels."""
        values, wanted = lifted.values, self.forecaster.lift(target)
        stakes = self.forecaster.stakes(context)
        if stakes is not None:
            values, wanted = values * stakes, wanted * stakes
        if lifted.known is not None:
            weight = weight * lifted.known
        weight = weight.repeat(1, 1, wanted.shape[2] // weight.shape[2], 1, 1)
        return loss(values, wanted, weight), _counted(loss, weight)

    def _looked_at(self, horizon: int) -> list[int]:
        """Lead times that a step of training looks at: all, or by turns a few of those that are told apart."""
        if self.whole_horizon or not self.forecaster.leads_apart or horizon <= MOST_LEADS:
            return list(range(1, horizon + 1))
        drawn = torch.Generator().manual_seed(self.taken)
        return sorted((torch.randperm(horizon, generator=drawn)[:MOST_LEADS] + 1).tolist())

    def by_its_pixels(self, loss: Tensor, own: Tensor, every: Tensor) -> Tensor:
        """The loss such that those of all processes and batches of a step add up to the mean over all their pixels.

        Gradients are the mean of the processes', each of which counts by its `own` pixels beside the mean of `every`
        one's. Of several batches each counts beside the first; `on_before_optimizer_step` divides by the sum.
        """
        if self.recipe.accumulate == 1:
            return loss if own is every else loss * own / _divisor(every)
        self._counted.append(every)
        return loss * own / _divisor(self._counted[0])

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        weights = [each for group in optimizer.param_groups for each in group["params"]]
        if self._counted:
            mean = torch.stack(self._counted).sum() / self.recipe.accumulate  # Lightning's mean is over batches
            pixels = _divisor(mean / _divisor(self._counted[0]))
            self._counted.clear()
            for each in weights:
                if each.grad is not None:
                    each.grad.div_(pixels)
        norm = nn.utils.clip_grad_norm_(weights, self.recipe.clip)
        if not self.guard.allows(self, norm):
            for each in weights:
                each.grad = None  # without one, an optimiser leaves a weight and what it remembers of it alone

    def optimizer_step(self, *arguments: Any, **keywords: Any) -> None:
        super().optimizer_step(*arguments, **keywords)
        self.follow()

    def follow(self) -> None:
        """After a step of the forecaster's weights, their average takes them in."""
        if self.averaged is not None:
            self.averaged.follow(self.forecaster, step=self.taken)

    def forecaster_optimiser(self) -> tuple[torch.optim.Optimizer, LambdaLR]:
        """Of the forecaster's weights alone, and its learning rate by step."""
        recipe = self.recipe
        decay = {} if recipe.weight_decay is None else {"weight_decay": recipe.weight_decay}
        optimiser = OPTIMISERS[recipe.optimiser](self.forecaster.parameters(), lr=recipe.learning_rate, **decay)
        self._schedule = scheduled(optimiser, recipe.schedule, self.steps)
        return optimiser, self._schedule

    def log_loss(self, name: str, loss: Tensor, *, batch: int) -> None:
        """The mean over an epoch's steps, of `batch` windows each; what is skipped is in none, nor in the history."""
        if self.recipe.nonfinite == "skip" and not torch.isfinite(loss):
            return
        total, windows = self.sums.get(name, (torch.zeros_like(loss), 0))
        self.sums[name] = (total + batch * loss.detach(), windows + batch)


def _counted(loss: Loss, weight: Tensor) -> Tensor:
    """Pixels `(b t c h w)`, each as much as it counts."""
    return (loss.weighted(weight) if isinstance(loss, Mixture) else weight).sum()


def _divisor(pixels: Tensor) -> Tensor:
    return torch.where(pixels > 0, pixels, 1)


def _is_fed_back(forecaster: Forecaster) -> TypeGuard[RecurrentForecaster]:
    return isinstance(forecaster, RecurrentForecaster) and forecaster.fed_back
