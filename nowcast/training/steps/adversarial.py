"""The adversarial task: a loss between forecast and truth, and a discriminator that tells one from the other."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from nowcast.errors import InputError
from nowcast.losses import Loss
from nowcast.models import Forecaster
from nowcast.models.discriminator import Discriminator, Logits
from nowcast.tensors import Batch
from nowcast.training.recipe import Recipe
from nowcast.training.schedule import scheduled
from nowcast.training.steps.task import Task

__all__ = ["Adversarial", "hinge"]


class Adversarial(Task):
    """A Forecaster that is asked for frames near the truth and for frames that look true.

    Steps alternate on each batch: the discriminator learns to tell forecast from truth by the hinge loss (Lim & Ye
    2017, arXiv:1705.02894), then the forecaster learns from `loss` minus `recipe.adversarial` times the mean of the
    logits for its forecast. Squared error alone is least where a forecast is blurred; the second term asks for what
    the blur took. `training` and `validation` are the plain loss, as in `Supervised`; `discriminator` is its hinge loss
    (2: it knows nothing; 0: it is always right). Further parameters are those of `Task`.

    Parameters
    ----------
    recipe
        With the weight of the discriminator's term. Through a discriminator with spectral norm a pixel changes the mean
        logit by some hundred times what it changes a mean squared error of scaled values: at 0.01 both are heard.
        pix2pix (arXiv:1611.07004) has the same 1 to 100, and it measured best (docs/decisions/0008-adversarial.md).
    discriminator_learning_rate
        At its highest; it falls as the forecaster's does. The optimiser is Adam without momentum (betas 0 and 0.999),
        as in DGMR (doi:10.1038/s41586-021-03854-z), whose rate of 2e-4 learns too little in a few hundred steps.
    width
        Channels of the discriminator's first layer.
    warm_up
        Steps at the beginning with the plain loss alone, while a forecast is far from the truth anyway.

    Raises
    ------
    InputError
        No weight of the discriminator's term, and what `Task` refuses.
    """

    whole_horizon = True

    def __init__(
        self,
        forecaster: Forecaster,
        loss: Loss,
        *,
        recipe: Recipe,
        steps: int = 1000,
        discriminator_learning_rate: float = 1e-3,
        width: int = 16,
        warm_up: int = 100,
    ) -> None:
        super().__init__(forecaster, loss, recipe=recipe, steps=steps)
        if recipe.adversarial is None:
            raise InputError("a training against a discriminator needs the weight of its term", found="none")
        self.automatic_optimization = False
        self.discriminator = Discriminator(channels=forecaster.channels, masked=forecaster.masked, width=width)
        self.adversarial_weight = recipe.adversarial
        self.discriminator_learning_rate = discriminator_learning_rate
        self.warm_up = warm_up

    @property
    def comparable(self) -> bool:
        """In the second half: the plain loss is often least for the first, blurred weights, which nobody asked for."""
        return 2 * self.taken >= self.steps

    def training_step(self, batch: Batch, index: int) -> None:
        optimisers: Any = self.optimizers()
        schedules: Any = self.lr_schedulers()
        forecast, pixels, wanted, _ = self.answer(batch)
        if self.taken >= self.warm_up:
            apart = self.discriminator_loss(batch, forecast)
            self.guard.saw(index, apart)
            self._learn(apart, optimisers[1], schedules[1])
            self.log_loss("discriminator", apart, batch=len(batch.context))
            wanted = wanted - self.adversarial_weight * self.realism(batch, forecast)
        self.guard.saw(index, wanted)
        self._learn(wanted, optimisers[0], schedules[0])
        self.log_loss("training", pixels, batch=len(batch.context))

    def discriminator_loss(self, batch: Batch, forecast: Tensor) -> Tensor:
        """Hinge loss of telling `forecast` `(b t c h w)` from the truth; its gradient ends at the forecast."""
        both = [torch.cat((part, part)) for part in (batch.context, batch.weight)]
        judged = self.discriminator(both[0], torch.cat((batch.target, forecast.detach())), both[1], step=self.taken)
        truth, false = (Logits(*(each.chunk(2)[half] for each in judged)) for half in (0, 1))
        return hinge(truth, false)

    def realism(self, batch: Batch, forecast: Tensor) -> Tensor:
        """The mean logit for `forecast` `(b t c h w)`, of both branches; the discriminator has no gradient of it."""
        self.discriminator.requires_grad_(False)
        judged = self.discriminator(batch.context, forecast, batch.weight, step=self.taken)
        self.discriminator.requires_grad_(True)
        return torch.stack([each.mean() for each in judged]).mean()

    def whole(self, batch: Batch) -> Tensor:
        forecast, _, wanted, _ = self.answer(batch)
        apart = self.discriminator_loss(batch, forecast)
        return wanted - self.adversarial_weight * self.realism(batch, forecast) + apart

    def configure_optimizers(self) -> Any:
        optimiser, schedule = self.forecaster_optimiser()
        other = torch.optim.Adam(
            self.discriminator.parameters(), lr=self.discriminator_learning_rate, betas=(0.0, 0.999)
        )
        return [optimiser, other], [schedule, scheduled(other, self.recipe.schedule, self.steps - self.warm_up)]

    def _learn(self, loss: Tensor, optimiser: Any, schedule: Any) -> None:
        optimiser.zero_grad()
        self.manual_backward(loss)
        optimiser.step()
        if schedule is self._schedule:
            self.follow()
        schedule.step()


def hinge(truth: Logits, forecast: Logits) -> Tensor:
    """Mean of `max(0, 1 - truth)` plus mean of `max(0, 1 + forecast)`, equal parts of both branches; a scalar.

    Lim & Ye 2017, arXiv:1705.02894, as DGMR uses it.
    """
    parts = [F.relu(1 - real).mean() + F.relu(1 + false).mean() for real, false in zip(truth, forecast, strict=True)]
    return torch.stack(parts).mean()
