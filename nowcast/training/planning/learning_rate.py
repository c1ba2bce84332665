"""A range test: how high a learning rate may be, tried on a copy with the loader's own batches."""

from __future__ import annotations

import copy
import math
from collections.abc import Generator
from contextlib import closing
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import nn

from nowcast import machine
from nowcast.errors import InputError
from nowcast.losses import Loss
from nowcast.models import Forecaster
from nowcast.ranks import summed
from nowcast.tensors import Batch, Loader
from nowcast.training.recipe import PLAIN, Recipe
from nowcast.training.steps import Supervised

__all__ = ["Found", "find_learning_rate"]

LOWEST, HIGHEST, STEPS = 1e-6, 1.0, 72
"""Rates from and to, twelve steps to a decade."""

MEMORY = 0.8
"""Share of the mean loss so far in the smoothed one."""

BEYOND = 4.0
"""A loss so many times the least ends the test."""

BELOW = 10.0
"""The rate of the least loss is at the edge of what diverges: so many times less is taken."""


class Found(NamedTuple):
    """A rate, and the curve that it comes of: smoothed losses by rate, as far as the test went."""

    learning_rate: float
    rates: list[float]
    losses: list[float]

    def __str__(self) -> str:
        least = min(range(len(self.losses)), key=self.losses.__getitem__)
        decades = [n for n in range(0, len(self.rates), STEPS // 6) if n < least]
        shown = [*decades, least, *([len(self.rates) - 1] if least < len(self.rates) - 1 else [])]
        curve = ", ".join(f"{self.losses[n]:.4g} at {self.rates[n]:.1e}" for n in shown)
        return f"{self.learning_rate:.2g}, a tenth of the rate of the least loss; losses: {curve}"


def find_learning_rate(forecaster: Forecaster, loss: Loss, training: Loader, *, recipe: Recipe = PLAIN) -> Found:
    """Let the rate grow step by step and see where the loss is least (Smith 2017, arXiv:1506.01186).

    A tenth of that rate is found. Weights, the order of the data and random numbers are as if nothing had been tried.
    Of an adversarial training the plain loss is tried. Several processes take each step together, and find the same.
    Not Lightning's own `lr_find`: it trains the task itself, and writes a checkpoint to have it back.

    Raises
    ------
    InputError
        The loss is least where the test begins, or is not finite there.
    """
    device = machine.device()
    plain = replace(recipe, adversarial=None, ema=None, accumulate=1, compiled=False)
    rates: list[float] = []
    losses: list[float] = []
    mean = 0.0
    devices = [torch.cuda.current_device()] if device == "cuda" else []
    with torch.random.fork_rng(devices), closing(_endless(training)) as batches:
        task = Supervised(copy.deepcopy(forecaster), loss, recipe=plain, steps=STEPS).to(device)
        optimiser, _ = task.forecaster_optimiser()
        for number in range(STEPS + 1):
            rate = LOWEST * (HIGHEST / LOWEST) ** (number / STEPS)
            for group in optimiser.param_groups:
                group["lr"] = rate
            share, batch = next(batches)
            optimiser.zero_grad()
            with torch.autocast(device, torch.bfloat16, enabled=recipe.precision == "bfloat16"):
                answer = task.answer(Batch(*(part.to(device) for part in batch)), share)
            every = summed(answer.counted.detach().clone())
            wanted = answer.wanted * (answer.counted / torch.where(every > 0, every, 1))
            wanted.backward()  # type: ignore[no-untyped-call]
            for each in task.forecaster.parameters():
                if each.grad is not None:
                    summed(each.grad)
            value = float(summed(wanted.detach().clone()))
            norm = float(nn.utils.clip_grad_norm_(task.forecaster.parameters(), recipe.clip))
            mean = MEMORY * mean + (1 - MEMORY) * value
            smoothed = mean / (1 - MEMORY ** (number + 1))
            if not (math.isfinite(smoothed) and math.isfinite(norm)) or smoothed > BEYOND * min(
                losses, default=math.inf
            ):
                break
            optimiser.step()
            rates.append(rate)
            losses.append(smoothed)
    least = min(range(len(losses)), key=losses.__getitem__, default=0)
    if least == 0:
        raise InputError(
            "no learning rate was found at which the loss falls",
            found=f"{losses[0]:.4g} at {rates[0]:g}, and more from there on" if losses else "a loss that is not finite",
            next_step="name one: --learning-rate 0.001; or look at the data: nowcast inspect PATH",
        )
    return Found(float(f"{rates[least] / BELOW:.2g}"), rates, losses)


def _endless(training: Loader) -> Generator[tuple[tuple[int, int], Batch]]:
    """The epoch's batches, again and again, each with this process's share of it."""
    while True:
        for number, batch in enumerate(training):
            yield training.share(number), batch
