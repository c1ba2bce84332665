"""Scores of events made differentiable: a pixel is an event by degrees, a sigmoid of how far it is above the threshold.

As the temperature falls to 0, each becomes one minus the score that verification counts; a value that equals the
threshold stays half an event. Counts are summed over the whole batch before they are divided, as verification does.
A threshold that neither side reaches has no score, and nothing to lose: such thresholds count as 0 in the mean.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from nowcast.errors import InputError
from nowcast.losses.masking import mean, seen
from nowcast.losses.thresholds import THRESHOLDS, checked

__all__ = ["NEIGHBOURHOOD", "TEMPERATURE", "csi", "fss"]

TEMPERATURE = 0.05
"""In scaled units. A pixel that is so far above a threshold is 0.73 of an event; three times as far, 0.95."""

NEIGHBOURHOOD = 5
"""Side of the windows of FSS in pixels: the second of the scales that verification scores by default."""

FEWEST = 1e-8
"""Of all pixels: the share of events that a ratio is taken to at least, so that its gradient stays finite."""


def csi(
    prediction: Tensor,
    target: Tensor,
    weight: Tensor,
    *,
    thresholds: Sequence[float] = THRESHOLDS,
    temperature: float = TEMPERATURE,
) -> Tensor:
    """One minus the soft critical success index, averaged over thresholds; from 0 to 1, 0 if nothing is observed.

    Of events by degrees `p` and `o`, hits are the sum of `p o`, and events on either side that of `p p + o o - p o`
    (Tanimoto's coefficient): for degrees of 0 and 1 this is the index itself, and it is 1 for `p = o` alone. Events by
    sigmoids: Larraondo et al. 2020, doi:10.1029/2019MS001909.

    Parameters
    ----------
    thresholds, temperature
        In scaled units.

    Raises
    ------
    InputError
        Thresholds that are none, or a temperature that is not above 0.
    """
    prediction, target, weight = seen(prediction, target, weight)
    parts = []
    for predicted, observed in _events(prediction, target, thresholds, temperature):
        either = predicted**2 + observed**2 - predicted * observed
        parts.append(_share(mean((predicted - observed) ** 2, weight), mean(either, weight)))
    return torch.stack(parts).mean()


def fss(
    prediction: Tensor,
    target: Tensor,
    weight: Tensor,
    *,
    thresholds: Sequence[float] = THRESHOLDS,
    temperature: float = TEMPERATURE,
    scale: int = NEIGHBOURHOOD,
) -> Tensor:
    """One minus the soft fractions skill score, averaged over thresholds; from 0 to 1, 0 if nothing is observed.

    Roberts and Lean 2008, doi:10.1175/2007MWR2123.1; as a loss: Ebert-Uphoff et al. 2021, arXiv:2106.09757. As in
    verification, a fraction is events per observed pixel, and a window counts if it lies wholly inside the frame and
    its central pixel is observed.

    Parameters
    ----------
    thresholds, temperature
        In scaled units.
    scale
        Side of the windows in pixels, odd.

    Raises
    ------
    InputError
        Thresholds that are none, a temperature that is not above 0, or a scale that is even or wider than the frame.
    """
    height, width = target.shape[-2:]
    if scale % 2 == 0 or not 0 < scale <= min(height, width):
        raise InputError(
            f"the FSS loss cannot lay windows of {scale} x {scale} pixels over frames of {height} x {width}",
            needed=f"an odd side from 1 to {min(height, width)} pixels",
        )
    prediction, target, weight = (each.flatten(0, 1) for each in seen(prediction, target, weight))
    observable = F.avg_pool2d(weight, scale, stride=1)
    observable = torch.where(observable > 0, observable, 1)
    edge = scale // 2
    centre = weight[..., edge : height - edge, edge : width - edge]
    parts = []
    for events in _events(prediction, target, thresholds, temperature):
        predicted, observed = (F.avg_pool2d(each * weight, scale, stride=1) / observable for each in events)
        worst = mean(predicted**2 + observed**2, centre)
        parts.append(_share(mean((predicted - observed) ** 2, centre), worst))
    return torch.stack(parts).mean()


def _events(
    prediction: Tensor, target: Tensor, thresholds: Sequence[float], temperature: float
) -> Iterator[tuple[Tensor, Tensor]]:
    if not 0 < temperature < math.inf:
        raise InputError("the temperature of a soft score must be a number above 0", found=str(temperature))
    for threshold in checked(thresholds):
        yield torch.sigmoid((prediction - threshold) / temperature), torch.sigmoid((target - threshold) / temperature)


def _share(lost: Tensor, most: Tensor) -> Tensor:
    return lost / most.clamp(min=FEWEST)
