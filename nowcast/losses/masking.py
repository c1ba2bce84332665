"""How every loss leaves the missing out: not a value of theirs reaches an arithmetic, in neither direction."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["mean", "seen"]

HALVES = (torch.float16, torch.bfloat16)


def seen(prediction: Tensor, target: Tensor, weight: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """All three in the target's shape and at least in single precision; values are 0 where the weight is 0.

    They are selected before any arithmetic, whose gradient would be 0 times infinity. Half precision does for values,
    but neither for sums over a batch nor for differences of squares.
    """
    prediction, target, weight = (
        each.float() if each.dtype in HALVES else each for each in (prediction, target, weight.expand_as(target))
    )
    observed = weight > 0
    return torch.where(observed, prediction, 0), torch.where(observed, target, 0), weight


def mean(values: Tensor, weight: Tensor) -> Tensor:
    """Mean by weights of any size; a scalar, 0 if all are 0."""
    weight = weight.expand_as(values)
    total = weight.sum()
    # Selected, not multiplied: an infinite or NaN value under weight 0 would spoil the sum and its gradient.
    return torch.where(weight > 0, values * weight, 0).sum() / torch.where(total > 0, total, 1)
