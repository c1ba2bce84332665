"""What share of its highest value the learning rate has, step by step."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch.optim.lr_scheduler import LambdaLR

__all__ = ["SCHEDULES", "scheduled"]

WARM_UP = 20
"""Steps over which the cosine begins: Adam's moments are those of few gradients then."""

RISE, BEGIN, END = 0.3, 1 / 25, 1 / 250_000
"""Of the one cycle, as published and as torch has it: the share of steps in which it rises, and its ends."""


def _cosine(step: int, steps: int) -> float:
    """Rises for 20 steps and falls along half a cosine to a hundredth."""
    return min(1.0, (step + 1) / WARM_UP) * _between(1.0, 0.01, step / max(1, steps))


def _one_cycle(step: int, steps: int) -> float:
    """Rises from a 25th along half a cosine over 30 % of the steps, and falls so to almost nothing.

    Smith and Topin 2018, arXiv:1708.07120; momentum stays as it is.
    """
    top = max(1.0, RISE * steps - 1)
    if step <= top:
        return _between(BEGIN, 1.0, step / top)
    return _between(1.0, END, (step - top) / max(1.0, steps - 1 - top))


def _constant(step: int, steps: int) -> float:  # noqa: ARG001
    return 1.0


def _between(first: float, last: float, done: float) -> float:
    """Along half a cosine."""
    return last + (first - last) * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))


SCHEDULES: dict[str, Callable[[int, int], float]] = {
    "cosine": _cosine,
    "one_cycle": _one_cycle,
    "constant": _constant,
}
"""By name: the share at a step, counted from 0, of so many; after the last it stays."""


def scheduled(optimiser: torch.optim.Optimizer, name: str, steps: int) -> LambdaLR:
    """The optimiser's learning rate over so many steps."""

    def share(step: int) -> float:
        return SCHEDULES[name](step, steps)

    return LambdaLR(optimiser, share)
