"""From how much happens in a window to how often it is trained on."""

from __future__ import annotations

import numpy as np

from nowcast.sampling.index import EventIndex

__all__ = ["draw", "probabilities"]


def probabilities(index: EventIndex, *, floor: float = 0.1, share: float = 0.5) -> np.ndarray:
    """Of each window, in the plan's order, flat: how likely an epoch has it; `min(1, floor + c * importance)`.

    `c` is such that the expected number of windows is the whole number nearest below `share` of those that anything was
    observed in; the others are never drawn. Where nothing happens anywhere, all are alike.

    Parameters
    ----------
    floor
        The probability of a window in which nothing happens.
    share
        Of the windows, in an epoch.
    """
    importance = np.where(index.observed, index.importance, 0).ravel().astype(float)
    observed = index.observed.ravel()
    wanted = max(1, int(share * observed.sum()))
    result = np.zeros(len(importance))
    if not observed.any():
        return result
    lowest = min(floor, wanted / observed.sum())
    if importance.max() <= 0 or lowest < floor:
        result[observed] = wanted / observed.sum()
        return result

    def chances(factor: float) -> np.ndarray:
        return np.where(observed, np.minimum(1.0, lowest + factor * importance), 0.0)

    low, high = 0.0, 1.0 / importance[importance > 0].min()
    if chances(high).sum() < wanted:  # all windows in which anything happens are in every epoch
        dull = observed & (importance <= 0)
        result = chances(high)
        result[dull] = (wanted - result[~dull].sum()) / dull.sum()
        return result
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if chances(middle).sum() < wanted else (low, middle)
    result = chances(high)
    result *= wanted / result.sum()  # the last digits
    return np.minimum(result, 1.0)


def draw(chances: np.ndarray, *, seed: int, epoch: int) -> np.ndarray:
    """The windows of an epoch by their numbers, ascending; none twice, and as many in every epoch.

    Systematic sampling in a random order (Madow 1949, doi:10.1214/aoms/1177729988): each is drawn just as often as its
    chance says.
    """
    random = np.random.default_rng((seed, epoch))
    order = random.permutation(len(chances))
    passed = np.concatenate(([0.0], np.cumsum(chances[order])))
    count = round(passed[-1])
    passed *= count / passed[-1] if passed[-1] else 1.0
    points = random.random() + np.arange(count)
    picked = np.searchsorted(passed, points, side="right") - 1
    return np.sort(order[np.minimum(picked, len(order) - 1)])
