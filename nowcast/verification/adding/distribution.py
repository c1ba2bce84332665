"""The distribution that exceedance probabilities stand for, against what was observed: sums over pixels.

Its form is told by `nowcast.products`: a point at `lowest`, nothing from there to the first threshold, and linear from
threshold to threshold and on to `highest`. A deterministic forecast is a point. What is written here and not taken from
`scores` is a sum where `scores` has a mean; tests hold both equal.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from nowcast.verification.adding.events import exceeds

__all__ = ["BINS", "Knots", "brier_sum", "crps_sum", "point_ranks", "probability_at", "ranks", "reliability_sums"]

BINS = 10
"""Of equal width, of probabilities in the reliability diagram and of ranks in their histogram."""

SAME = 1e-6
"""Relative distance within which a threshold is taken for one of the forecast's: float32 in one, float64 in another."""


@dataclass(frozen=True)
class Knots:
    """Where the distribution bends: at the forecast's thresholds `levels`, which rise from `lowest` to `highest`."""

    lowest: float
    levels: np.ndarray
    highest: float

    @property
    def widths(self) -> np.ndarray:
        """From each threshold to the next, from the last one to `highest`."""
        return np.diff(self.levels, append=self.highest)


def probability_at(probability: np.ndarray, knots: Knots, threshold: float) -> np.ndarray:
    """P(value >= threshold) of each pixel, float64, dims `(pixel,)`.

    Parameters
    ----------
    probability
        At the knots' levels, dims `(level, pixel)`.
    threshold
        Any; where it is one of the levels, what was forecast is given as it is.
    """
    found: np.ndarray
    same = np.flatnonzero(np.isclose(knots.levels, threshold, rtol=SAME, atol=0))
    if len(same):
        found = probability[same[0]].astype(float)
    elif threshold <= knots.lowest:
        found = np.ones(probability.shape[1])
    elif threshold >= knots.highest:
        found = np.zeros(probability.shape[1])
    elif threshold < knots.levels[0]:
        found = probability[0].astype(float)
    else:
        before = int(np.searchsorted(knots.levels, threshold)) - 1
        share = (threshold - knots.levels[before]) / knots.widths[before]
        found = probability[before].astype(float)
        found += share * ((probability[before + 1] if before + 1 < len(knots.levels) else 0.0) - found)
    return found


def crps_sum(probability: np.ndarray, knots: Knots, observed: np.ndarray) -> float:
    """Sum over pixels of the continuous ranked probability score, exact: the integral of `(F - 1[z >= observed])**2`.

    With S = 1 - F that is the integral of S**2, plus that of 1 - 2 S up to the observation, plus how far the latter
    lies outside. Dims `(level, pixel)` and `(pixel,)`. Matheson and Winkler 1976, doi:10.1287/mnsc.22.10.1087.
    """
    lowest, levels, highest, widths = knots.lowest, knots.levels, knots.highest, knots.widths
    rows = [*probability.astype(float), np.zeros(probability.shape[1])]
    squares = [float(row @ row) for row in rows]
    products = [float(low @ high) for low, high in pairwise(rows)]
    total = (levels[0] - lowest) * squares[0]
    for place, width in enumerate(widths):
        total += width * (squares[place] + products[place] + squares[place + 1]) / 3
    inside = observed > lowest
    total += float((lowest - observed[~inside]).sum())
    column, reached = np.flatnonzero(inside), observed[inside]
    total += float(np.maximum(reached - highest, 0).sum())
    reached = np.minimum(reached, highest)
    flat = np.minimum(reached, levels[0]) - lowest
    total += float((reached - lowest).sum() - 2 * (flat @ rows[0][column]))
    for place, (level, width) in enumerate(zip(levels, widths, strict=True)):
        further = reached > level  # ever fewer
        column, reached = column[further], reached[further]
        step = np.minimum(reached - level, width)
        start, end = rows[place][column], rows[place + 1][column]
        total -= 2 * float((step * (start + (end - start) * step / (2 * width))).sum())
    return float(total)


def brier_sum(probability: np.ndarray, event: np.ndarray) -> float:
    """Sum of squared differences of probability and event (bool), dims `(pixel,)` each.

    Brier 1950, doi:10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2.
    """
    return float(probability @ probability - 2 * probability[event].sum() + np.count_nonzero(event))


def reliability_sums(probability: np.ndarray, event: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Forecasts, events and summed probability by bin of probability, dims `(bin,)`; the last bin holds 1."""
    place = np.clip((probability * BINS).astype(np.int64), 0, BINS - 1)
    counted = np.bincount(2 * place + event, minlength=2 * BINS).reshape(BINS, 2)
    return counted.sum(axis=1), counted[:, 1], np.bincount(place, probability, minlength=BINS)


def ranks(probability: np.ndarray, knots: Knots, observed: np.ndarray) -> np.ndarray:
    """How many observations fall into each tenth of their predictive distribution, dims `(bin,)`.

    What is observed below the first threshold is one with the point at `lowest`, and is spread evenly over the whole
    probability of that point instead of being placed at random: Czado, Gneiting and Held 2009,
    doi:10.1111/j.1541-0420.2009.01191.x. Dims `(level, pixel)` and `(pixel,)`.
    """
    above = exceeds(observed, float(knots.levels[0]))
    point = 1 - probability[0, ~above].astype(float)
    reached = observed[above]
    survival = np.empty(len(reached))
    place = np.clip(np.searchsorted(knots.levels, reached, side="right") - 1, 0, None)
    for level, width in enumerate(knots.widths):
        here = place == level
        column = np.flatnonzero(above)[here]
        start = probability[level, column].astype(float)
        end = probability[level + 1, column] if level + 1 < len(knots.levels) else 0.0
        survival[here] = start + np.clip((reached[here] - knots.levels[level]) / width, 0, 1) * (end - start)
    rank = np.clip(((1 - survival) * BINS).astype(np.int64), 0, BINS - 1)
    found: np.ndarray = np.bincount(rank, minlength=BINS) + _spread(point)
    return found


def point_ranks(forecast: np.ndarray, observed: np.ndarray) -> np.ndarray:
    """The same of a deterministic forecast: first bin for less, last bin for more, and the same is spread over all."""
    less, more = np.count_nonzero(observed < forecast), np.count_nonzero(observed > forecast)
    found: np.ndarray = np.full(BINS, (len(observed) - less - more) / BINS)
    found[0] += less
    found[-1] += more
    return found


def _spread(share: np.ndarray) -> np.ndarray:
    """Ones spread evenly from 0 to `share` each, by bin; into the first bin where the share is 0."""
    last = np.clip((share * BINS).astype(np.int64), 0, BINS - 1)
    density = np.divide(1 / BINS, share, out=np.zeros_like(share), where=share > 0)
    count, density = np.bincount(last, minlength=BINS), np.bincount(last, density, minlength=BINS)
    # A share that ends in a later bin fills this one; one that ends here gives it what the bins below did not take.
    later = density[::-1].cumsum()[::-1] - density
    found: np.ndarray = later + count - np.arange(BINS) * density
    return found
