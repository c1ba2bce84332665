"""How far chances are from what then happens, on the validation part, and what they are multiplied by for it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from nowcast import machine, ranks
from nowcast.errors import InputError
from nowcast.models import Framed
from nowcast.models.exceedance import TOLERANCE, Exceedance
from nowcast.tensors import Loader

__all__ = ["Calibration", "calibrate"]

WIDEST = 2.0
"""What a chance is multiplied or divided by at most."""


@dataclass(frozen=True)
class Calibration:
    """What was done, in words: `str` of it.

    Attributes
    ----------
    slopes
        What chances are multiplied by, a row for each lead time, of each threshold; None: nothing is changed.
    before, after
        The Brier scores on validation, summed over lead times and thresholds.
    changed
        How many of the thresholds.
    """

    slopes: tuple[tuple[float, ...], ...] | None
    before: float
    after: float
    changed: int

    def __str__(self) -> str:
        if self.slopes is None:
            return "hold on validation, or err there now one way and now the other: none is changed"
        used = [each for row in self.slopes for each in row if each != 1]
        return (
            f"of {self.changed} threshold(s) are multiplied by {min(used):.2f} to {max(used):.2f}, as in both halves "
            f"of validation: Brier scores {1 - self.after / self.before:.1%} lower there"
        )


@torch.no_grad()
def calibrate(forecaster: Framed, validation: Loader, *, horizon: int) -> Calibration:
    """Give a forecaster that tells chances the slopes by which they are nearest to what happens, if they hold.

    For each lead time and threshold a slope is the least-squares one through the origin: of what is told, `p`, on what
    happened, 0 or 1, `o`, it is `sum(p o) / sum(p p)`, by which the Brier score is least. Validation is parted into its
    earlier and its later half. Only where the slopes of either make the other's Brier score lower, over all lead times
    of a threshold, are those of both together taken: an event that is wetter than another says nothing of the next.

    Raises
    ------
    InputError
        A forecaster that tells no chances.
    """
    device = machine.device()
    exceedance = forecaster.exceedance
    if exceedance is None:
        raise InputError("a forecaster that tells no chances has none to be calibrated")
    exceedance.calibrate(None)
    forecaster.to(device).eval()
    sums = torch.zeros(2, 3, horizon, len(exceedance.thresholds), dtype=torch.float64)
    for number, batch in enumerate(validation):
        half = int(number >= len(validation) / 2)
        sums[half] += _sums(forecaster, exceedance, *(part.to(device) for part in batch)).cpu()
    forecaster.to("cpu")
    sums = ranks.summed(sums.to(device)).cpu()
    slopes = [_slopes(each) for each in sums]
    better = [_brier(sums[half], slopes[1 - half]).sum(0) < _brier(sums[half]).sum(0) for half in (0, 1)]
    holds = better[0] & better[1]
    both = sums.sum(0)
    found = torch.where(holds, _slopes(both), 1.0)
    before, after = float(_brier(both).sum()), float(_brier(both, found).sum())
    if not bool(holds.any()):
        return Calibration(None, before, before, 0)
    rows = tuple(tuple(float(f"{each:.4g}") for each in row) for row in found.tolist())
    exceedance.calibrate(rows)
    return Calibration(rows, before, after, int(holds.sum()))


def _sums(forecaster: Framed, exceedance: Exceedance, context: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Of squares of what is told, of its products with what happened, and of squares of that: `(3 t k)`."""
    told = forecaster.lifted(context, range(1, target.shape[1] + 1))
    chances = exceedance.chances(told.values)
    seen = weight if told.known is None else weight * told.known
    levels = target.new_tensor(forecaster.thresholds).view(-1, 1, 1, 1)
    reached = (target[:, :, None] >= levels - TOLERANCE).to(chances.dtype) * seen[:, :, None]
    told_of = chances * seen[:, :, None]
    terms = (told_of * told_of, told_of * reached, reached)
    return torch.stack([each.sum(dim=(0, 3, 4, 5), dtype=torch.float64) for each in terms])


def _slopes(sums: Tensor) -> Tensor:
    squares, products = sums[0], sums[1]
    return torch.where(squares > 0, products / squares.clamp_min(1e-12), 1.0).clamp(1 / WIDEST, WIDEST)


def _brier(sums: Tensor, slopes: Tensor | float = 1.0) -> Tensor:
    squares, products, happened = sums
    score: Tensor = slopes**2 * squares - 2 * slopes * products + happened
    return score
