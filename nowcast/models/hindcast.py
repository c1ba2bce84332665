"""How far a network is trusted beside what merely moves on: as it would have told the newest frame from those before.

A network learns how long the small features of its training's radars live. Those of another one may live longer, and
then its chances are too faint everywhere, which the newest frame that it is given already shows: the forecast of it,
from the frames before, is made and compared, and the chances of advection are mixed in by as much as would have been
best. What recent frames tell of the next is estimated from them in STEPS, too (Bowler et al. 2006,
doi:10.1256/qj.04.100).
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from nowcast.models.exceedance import Exceedance

__all__ = ["busiest", "mix", "shares"]

SIDE = 384
"""Of the piece of a field by which it is judged, in pixels: the whole of a large one costs too much."""

NEEDED = 50.0
"""Pixels in which all is told wrong, or as much of less: where no more lie between the two, half of the share is."""

SEVERAL = 500.0
"""Pixels that decide of the mean's own share as much as all thresholds together do."""

TINY = 1e-12

FADING = 10.0
"""Lead times over which the share falls by a factor of e: what merely moves on is right for less and less of it."""

LEAST = 0.01
"""Share below which nothing is mixed in."""


def busiest(frame: Tensor, observed: Tensor, exceedance: Exceedance) -> tuple[slice, slice]:
    """Rows and columns of the piece of a frame `(c h w)`, at most `SIDE` wide and high, that most happens in."""
    reached = torch.zeros_like(frame[:1])
    for threshold in exceedance.thresholds:
        reached += ((frame >= threshold) * observed).sum(0, keepdim=True)
    height, width = (min(SIDE, side) for side in frame.shape[-2:])
    step = SIDE // 4
    happens = F.avg_pool2d(reached, (height, width), step)[0]
    row, column = divmod(int(happens.argmax()), happens.shape[1])
    return slice(row * step, row * step + height), slice(column * step, column * step + width)


def shares(told: Tensor, moved: Tensor, truth: Tensor, seen: Tensor, exceedance: Exceedance) -> Tensor:
    """What share of what merely moved, beside what was told, would have been nearest to what then was seen.

    That is the one of least squares: with `d` from what was told to what moved and `e` to the truth,
    `sum(d e) / sum(d d)`. Of the mean of a field like rain few pixels decide, so as far as few do it has the share of
    all thresholds together.

    Parameters
    ----------
    told
        `(b c(1 + k) h w)`, as `Exceedance.lift` orders channels.
    moved, truth
        Frames, `(b c h w)`.
    seen
        1 for the pixels that count, as `truth`.

    Returns
    -------
    Tensor
        From 0 to 1, `(b 1 + k c)`.
    """
    c, terms = truth.shape[1], []
    for level, unit in enumerate((1.0, *exceedance.units)):
        own = told[:, level * c : (level + 1) * c]
        apart = (exceedance.level(moved, level) - own) * seen
        squared = apart * apart
        wrong = exceedance.level(truth, level) - own
        sums = torch.stack([each.sum((-2, -1)) for each in (apart * wrong, squared, squared * squared)])
        terms.append(sums * sums.new_tensor([unit**2, unit**2, unit**4]).view(-1, 1, 1))
    products, squares, fourths = torch.stack(terms, dim=2)
    found: Tensor = products / (squares + NEEDED)
    every = products[:, 1:].sum(1) / (squares[:, 1:].sum(1) + NEEDED)
    decide = squares[:, 0] ** 2 / fourths[:, 0].clamp_min(TINY)  # pixels, were all as far apart
    own = products[:, 0] / squares[:, 0].clamp_min(TINY)
    found[:, 0] = (decide * own + SEVERAL * every) / (decide + SEVERAL)
    return found.clamp_(0, 1)


def mix(frame: Tensor, moved: Tensor, seen: Tensor, share: Tensor, exceedance: Exceedance, lead: int) -> Tensor:
    """What is told of a lead time, counted from 1, written over with the mixture of it and of what merely moves.

    Parameters
    ----------
    frame
        `(b c(1 + k) h w)`.
    moved
        `(b c h w)`.
    seen
        1 where it moved from a place that was observed, as `moved`; elsewhere the frame stays.
    share
        Of the first lead time, `(b 1 + k c)`.
    """
    c, here = moved.shape[1], share[..., None, None] * math.exp(-(lead - 1) / FADING)
    for level in range(exceedance.share):
        if float(here[:, level].max()) < LEAST:
            continue
        frame[:, level * c : (level + 1) * c].lerp_(exceedance.level(moved, level), seen * here[:, level])
    return frame
