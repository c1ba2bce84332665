"""Errors that count more where much is observed: Shi et al. 2017, arXiv:1706.03458 (B-MSE and B-MAE).

The paper weights a pixel by its rain rate: 1 below 2 mm/h, then 2, 5, 10 and 30 from 2, 5, 10 and 30 mm/h on. Those
weights are kept here; the thresholds are the caller's, in scaled units. The weighted mean is taken in place of the
paper's weighted sum: an error of the same size everywhere gives the same number as without weights.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from nowcast.losses.masking import mean, seen
from nowcast.losses.thresholds import THRESHOLDS, checked

__all__ = ["WEIGHTS", "balanced_mae", "balanced_mse"]

WEIGHTS = (2.0, 5.0, 10.0, 30.0)
"""From the first to the fourth threshold on; below the first it is 1, beyond the fourth it grows no more."""


def balanced_mse(
    prediction: Tensor, target: Tensor, weight: Tensor, *, thresholds: Sequence[float] = THRESHOLDS
) -> Tensor:
    """Mean squared error, weighted by the class of the target; a scalar, 0 if nothing is observed.

    Shi et al. 2017, arXiv:1706.03458; `thresholds` in scaled units.

    Raises
    ------
    InputError
        Thresholds that are none.
    """
    prediction, target, weight = seen(prediction, target, weight)
    return mean((prediction - target) ** 2, weight * _importance(target, thresholds))


def balanced_mae(
    prediction: Tensor, target: Tensor, weight: Tensor, *, thresholds: Sequence[float] = THRESHOLDS
) -> Tensor:
    """Mean absolute error, weighted by the class of the target; a scalar, 0 if nothing is observed.

    Shi et al. 2017, arXiv:1706.03458; `thresholds` in scaled units.

    Raises
    ------
    InputError
        Thresholds that are none.
    """
    prediction, target, weight = seen(prediction, target, weight)
    return mean((prediction - target).abs(), weight * _importance(target, thresholds))


def _importance(target: Tensor, thresholds: Sequence[float]) -> Tensor:
    importance = torch.ones_like(target)
    for threshold, heavier in zip(checked(thresholds), WEIGHTS, strict=False):
        importance = torch.where(target >= threshold, heavier, importance)
    return importance
