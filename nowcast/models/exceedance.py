"""A distribution for each pixel: its mean, and its chances to reach thresholds, as channels that any network learns."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from nowcast.errors import InputError

__all__ = ["Exceedance", "matched", "to_linear"]

STEPS = 4096
"""Steps between 0 and 1 in which chances are told apart when pixels are ranked by them."""

MOST_STAKE = 4.5
"""What a window counts at most, where one like the training part as a whole counts 1."""

FAVOUR, FURTHEST = 2.0, 0.5
"""How much more a pixel of a higher mean is favoured among those of like chances, up to so far (scaled)."""

TINY = 1e-2
"""A chance below which a pixel is not among those that reach a threshold: they are too many to be ranked."""

FEW = 0.7
"""Share of the pixels that are still of interest below which the others are put aside."""

TOLERANCE = 1e-5
"""Of scaled values beside a threshold: what was packed in a file reaches it in spite of rounding."""


class Exceedance(nn.Module):
    """Frames as channels of what is told of each pixel, and back.

    A frame of `c` channels becomes `c` of values and, for each of `k` thresholds, `c` that are 1 where the value
    reaches it and 0 elsewhere. The mean of such a channel is a chance: a network whose squared error with them is small
    makes small the Brier scores (doi:10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2), and so, summed over thresholds,
    the CRPS. Values are brought back from a logarithm first, for the mean that has the least squared error is that of
    the field itself. Each channel is divided by its standard deviation, so that none counts more than another; those of
    the chances together count as much as the mean.

    Parameters
    ----------
    thresholds
        Scaled values, ascending.
    spreads
        Standard deviations over the training part: of the values, brought back, and of each threshold's 0 and 1.
    bend
        Values are scaled by a logarithm: `exp(bend y) - 1` is proportional to the field itself; 0: they are not.
    slopes
        What chances are multiplied by in a forecast, for each lead time a row of one for each threshold; later lead
        times have the last row's. None: as they are told. See `nowcast.training.calibrate`.

    Raises
    ------
    InputError
        No threshold, thresholds that do not ascend, spreads that are not above 0 or not one more than thresholds;
        slopes of another shape, or not above 0.
    """

    def __init__(
        self,
        *,
        thresholds: Sequence[float],
        spreads: Sequence[float],
        bend: float = 0.0,
        slopes: Sequence[Sequence[float]] | None = None,
    ) -> None:
        super().__init__()
        rising = all(low < high for low, high in itertools.pairwise(thresholds))
        numbers = [*thresholds, *spreads, bend]
        if not thresholds or not rising or not all(math.isfinite(each) for each in numbers):
            raise InputError("chances need thresholds that ascend", found=str(list(thresholds)))
        if len(spreads) != len(thresholds) + 1 or min(spreads) <= 0 or bend < 0:
            raise InputError(
                "chances need a spread of the values and one of each threshold, all above 0, and a bend of 0 or more",
                found=f"spreads {list(spreads)}, bend {bend}",
            )
        self.thresholds = tuple(float(each) for each in thresholds)
        self.spreads = tuple(float(each) for each in spreads)
        self.bend = float(bend)
        self.calibrate(slopes)

    def calibrate(self, slopes: Sequence[Sequence[float]] | None) -> None:
        """From now on multiply chances in a forecast by these."""
        rows = None if slopes is None else tuple(tuple(float(each) for each in row) for row in slopes)
        if rows is not None:
            of_a_kind = bool(rows) and all(len(row) == len(self.thresholds) for row in rows)
            if not of_a_kind or not all(math.isfinite(each) and each > 0 for row in rows for each in row):
                raise InputError(
                    "slopes are a row for each lead time, of a number above 0 for each threshold",
                    found=str(slopes)[:200],
                )
        self.slopes = rows

    def calibrated(self, values: Tensor, lead: int) -> Tensor:
        """What is told of a lead time, counted from 1, `(b c(1 + k) h w)`, written over with what is forecast of it."""
        c, rows = values.shape[1] // self.share, self.slopes or ((),)
        for level, slope in enumerate(rows[min(lead, len(rows)) - 1], start=1):
            if slope != 1:
                values[:, level * c : (level + 1) * c] *= slope
        return values

    @property
    def share(self) -> int:
        """Channels that each channel of a frame becomes."""
        return 1 + len(self.thresholds)

    def lift(self, frames: Tensor) -> Tensor:
        """`(b t c h w)` to `(b t c(1 + k) h w)`: values first, then threshold by threshold."""
        c = frames.shape[2]
        lifted = frames.new_empty(*frames.shape[:2], c * self.share, *frames.shape[-2:])
        for level in range(self.share):
            lifted[:, :, level * c : (level + 1) * c] = self.level(frames, level)
        return lifted

    def level(self, frames: Tensor, level: int) -> Tensor:
        """One level of lifted frames: 0 is that of values, and each other one that of a threshold."""
        if level == 0:
            return to_linear(frames, self.bend) / self.spreads[0]
        return (frames >= self.thresholds[level - 1] - TOLERANCE) * (1 / self.units[level - 1])

    def stakes(self, frames: Tensor, observed: Tensor) -> Tensor:
        """How much each channel of each window is to count: little rain is learnt from as much as floods.

        `(b t c h w)`, both, to `(b 1 c(1 + k) 1 1)`: one over the standard deviation of the lifted frames in the
        window, and no more than `MOST_STAKE` where they hardly differ. A skill score divides by the like.
        """
        lifted, seen = self.lift(frames), observed.repeat(1, 1, self.share, 1, 1)
        count = seen.sum(dim=(1, 3, 4), keepdim=True).clamp_min(1)
        mean = torch.where(seen > 0, lifted, 0).sum(dim=(1, 3, 4), keepdim=True) / count
        variance = torch.where(seen > 0, (lifted - mean) ** 2, 0).sum(dim=(1, 3, 4), keepdim=True) / count
        c = frames.shape[2]
        usual = torch.full((lifted.shape[2],), 1 / len(self.thresholds), dtype=frames.dtype, device=frames.device)
        usual[:c] = 1
        usual = usual.view(-1, 1, 1)
        return (usual / (variance + usual / MOST_STAKE**2)).sqrt()

    def expected(self, values: Tensor) -> Tensor:
        """The mean, scaled: `(b t c(1 + k) h w)` to `(b t c h w)`."""
        mean = values[:, :, : values.shape[2] // self.share] * self.spreads[0]
        if self.bend == 0:
            return mean
        return torch.log1p(mean.clamp_min(0) * math.expm1(self.bend)) / self.bend

    def chances(self, values: Tensor, *, out: Tensor | None = None) -> Tensor:
        """From 0 to 1, none above that of a lower threshold: `(b t c(1 + k) h w)` to `(b t k c h w)`.

        They are written to `out`, if it is given.
        """
        c = values.shape[2] // self.share
        told = values[:, :, c:].reshape(*values.shape[:2], -1, c, *values.shape[-2:])
        found = told.new_empty(told.shape) if out is None else out
        for level, spread in enumerate(self.units):
            chance = (told[:, :, level] * spread).clamp_(0, 1)
            # torch.cummin is many times slower
            found[:, :, level] = torch.minimum(chance, found[:, :, level - 1]) if level else chance
        return found

    @property
    def units(self) -> list[float]:
        """What 0 and 1 of each threshold are divided by: what is told of it times this is a chance."""
        return [spread * math.sqrt(len(self.thresholds)) for spread in self.spreads[1:]]


def matched(mean: Tensor, chances: Tensor, thresholds: Sequence[float], seen: Tensor) -> Tensor:
    """A field for categories and for the eye: the pixels with the highest chances reach each threshold.

    A mean has too few high values, for it spreads them over wherever they may be; a score of categories then counts as
    missed what was expected somewhere (probability matching: Ebert 2001,
    doi:10.1175/1520-0493(2001)129<2461:AOAPMS>2.0.CO;2). How many reach a threshold lies midway (geometrically) between
    the number that is expected to and the one of which the highest CSI is expected: an area a little too small costs
    that score more than one a little too large. Pixels of like chances are ranked by their mean. Between two thresholds
    stands the mean, so far as it lies there.

    Parameters
    ----------
    mean, chances
        `(b t c h w)` and `(b t k c h w)`, as `Exceedance` tells them.
    seen
        True for the pixels that count, `(h w)`.
    """
    answer = mean.clone()
    for b, t, c in itertools.product(*(range(size) for size in mean.shape[:3])):
        field, told = answer[b, t, c].view(-1), chances[b, t, :, c].flatten(1)
        counted = seen.view(-1)
        places = torch.nonzero(counted & (told[0] > TINY)).squeeze(1)
        values = expected = field.index_select(0, places)
        field.copy_(torch.where(counted, field.clamp_max(thresholds[0] - TOLERANCE), field))
        reached = torch.ones_like(places, dtype=torch.bool)
        for chance, threshold in zip(told, thresholds, strict=True):
            own = chance.index_select(0, places)
            some = own > TINY
            if float(some.sum()) < FEW * len(some):  # no higher threshold is of interest to the others
                field.index_copy_(0, places, torch.where(reached, values.clamp_max(threshold - TOLERANCE), values))
                kept = torch.nonzero(some).squeeze(1)
                several = (places, values, expected, own, reached, some)
                places, values, expected, own, reached, some = (each.index_select(0, kept) for each in several)
            rank = own * torch.exp(FAVOUR * (expected - threshold).clamp_(-FURTHEST, FURTHEST))
            beyond = reached & some & (rank > _cut(rank, _area(own, float((chance * counted).sum()))))
            # What reaches the threshold before and not this one lies between the two.
            values = torch.where(reached & ~beyond, values.clamp_max(threshold - TOLERANCE), values)
            values = torch.where(beyond, values.clamp_min(threshold + TOLERANCE), values)
            reached = beyond
        field.index_copy_(0, places, values)
    return answer


def _area(chance: Tensor, expected: float) -> float:
    """How many of some pixels are to reach a threshold, where so many of all are expected to."""
    counts = _counted(chance).flip(0)
    middles = 1 - (torch.arange(STEPS, device=chance.device) + 0.5) / STEPS
    picked, hits = counts.cumsum(0), (counts * middles).cumsum(0)
    best = picked[(hits / (picked + expected - hits).clamp_min(TINY)).argmax()]
    return math.sqrt(float(best) * expected)


def _cut(rank: Tensor, area: float) -> float:
    """What as many of some pixels' ranks lie above as an area holds."""
    top = math.exp(FAVOUR * FURTHEST)
    above = _counted(rank / top).flip(0).cumsum(0)
    return top * (1 - int((above <= area).sum()) / STEPS)


def _counted(shares: Tensor) -> Tensor:
    """How many lie in each of `STEPS` steps from 0 to 1; torch.histc is several times slower."""
    steps = (shares * STEPS).long().clamp_(0, STEPS - 1)
    return torch.bincount(steps, minlength=STEPS).to(shares.dtype)


def to_linear(scaled: Tensor, bend: float) -> Tensor:
    """Scaled values in proportion to the field itself, whose 1 stays 1."""
    return torch.expm1(scaled * bend) / math.expm1(bend) if bend else scaled
