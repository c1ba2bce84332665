"""Losses that compare pixel with pixel."""

from __future__ import annotations

from torch import Tensor

from nowcast.losses.masking import mean, seen

__all__ = ["mae", "mse"]


def mse(prediction: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Mean squared error over the observed pixels; a scalar, 0 if there are none."""
    prediction, target, weight = seen(prediction, target, weight)
    return mean((prediction - target) ** 2, weight)


def mae(prediction: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Mean absolute error over the observed pixels; a scalar, 0 if there are none."""
    prediction, target, weight = seen(prediction, target, weight)
    return mean((prediction - target).abs(), weight)
