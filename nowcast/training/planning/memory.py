"""What a training step takes of memory, known before the first one, and what is free."""

from __future__ import annotations

import copy
from dataclasses import replace

import torch
from torch import Tensor

from nowcast import machine
from nowcast.losses import Loss
from nowcast.models import Forecaster
from nowcast.models.footprint import Footprint, footprint
from nowcast.tensors import Batch
from nowcast.training.recipe import PLAIN, Recipe
from nowcast.training.steps import task_of

__all__ = ["free_memory", "step_memory"]

OPTIMISER_STATES = 2
"""Numbers that the optimiser keeps of each weight."""


def step_memory(
    forecaster: Forecaster,
    loss: Loss,
    *,
    recipe: Recipe = PLAIN,
    device: str = "cpu",
    least: int = 1,
) -> Footprint:
    """What a step holds of tensors at most: weights, their gradients and the optimiser's states, and all frames' work.

    Tried on a copy, on small fields and few frames: a second or two. What the allocator adds of its own is not in it.

    Parameters
    ----------
    loss
        One that takes any number of lead times.
    least
        Smallest side of a field that the loss takes.
    """

    def trial(size: tuple[int, int], context: int, horizon: int) -> Tensor:
        task = task_of(copy.deepcopy(forecaster), loss, recipe=replace(recipe, compiled=False)).to(device)
        frames = torch.rand(1, context, forecaster.context_channels, *size, device=device)
        target = torch.rand(1, horizon, forecaster.channels, *size, device=device)
        with torch.autocast(device, torch.bfloat16, enabled=recipe.precision == "bfloat16"):
            return task.whole(Batch(frames, target, torch.ones_like(target)))

    with torch.random.fork_rng(devices=[]):  # a training that is tried begins as one that is not
        found = footprint(trial, multiple=forecaster.multiple, least=least)
    weights = sum(each.nbytes for each in forecaster.parameters())
    states = OPTIMISER_STATES + (recipe.ema is not None)
    return replace(found, fixed=found.fixed + states * weights)


def free_memory(device: str = "cpu") -> int | None:
    """Bytes that a program may still take, or None where the machine does not say."""
    if device == "cuda":
        return torch.cuda.mem_get_info()[0]
    return machine.free_memory()
