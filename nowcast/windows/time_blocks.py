"""Blocks of time an embargo apart: frames that follow each other, cut into as many parts as are asked for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nowcast.cube import Run
from nowcast.errors import InputError
from nowcast.windows.parts import Stretches, placed
from nowcast.windows.plans import starts_of

__all__ = ["blocks_of_time", "two_blocks"]

CANDIDATES = 256
SHORTEST = 2
"""Frames of a window: one given, one asked for."""


def blocks_of_time(
    pieces: Sequence[Run], window: int, fractions: tuple[float, float, float], embargo: int
) -> tuple[Stretches, Stretches, Stretches]:
    """A block of time for each part that is asked for; arguments as `nowcast.windows.split` has them.

    Raises
    ------
    InputError
        Too few frames.
    """
    shares = [share for share in fractions if share > 0]
    if len(shares) == 3:
        return _three_blocks(pieces, window, fractions, embargo)
    if len(shares) == 2:
        return placed(two_blocks(pieces, window, (shares[0], shares[1]), embargo), fractions)
    whole = tuple(run for run in pieces if len(run) >= window)
    if not whole:
        raise _too_few(pieces, window, embargo, parts=1)
    return placed([whole], fractions)


def _three_blocks(
    pieces: Sequence[Run], window: int, fractions: tuple[float, float, float], embargo: int
) -> tuple[Stretches, Stretches, Stretches]:
    """Three blocks of time, in order, an embargo apart."""
    starts = np.array(starts_of(pieces, window), dtype=int)
    end = max((run.stop for run in pieces), default=0)
    if not len(starts):
        raise _too_few(pieces, window, embargo)

    def count(low: np.ndarray, high: np.ndarray) -> np.ndarray:
        """Windows that lie wholly in frames low:high."""
        inside: np.ndarray = np.searchsorted(starts, high - window, side="right") - np.searchsorted(
            starts, low, side="left"
        )
        return inside.clip(0)

    edges = [
        edge for run in pieces[:CANDIDATES] for edge in (run.start, run.stop, run.start - embargo, run.stop + embargo)
    ]
    tight = [starts[0] + window, starts[-1] - embargo]
    spread = np.linspace(0, end, min(end + 1, CANDIDATES)).round().astype(int)
    cuts = np.unique(np.concatenate([spread, edges, tight]).clip(0, end).astype(int))
    first, second = np.meshgrid(cuts, cuts, indexing="ij")
    counts = np.stack(
        [
            count(np.zeros_like(first), first),
            count(first + embargo, second),
            count(second + embargo, np.full_like(second, end)),
        ]
    )
    possible = (counts > 0).all(axis=0) & (first + embargo <= second)
    if not possible.any():
        raise _too_few(pieces, window, embargo)
    share = counts / np.maximum(counts.sum(axis=0), 1)
    miss = ((share - np.array(fractions)[:, None, None]) ** 2).sum(axis=0)
    miss[~possible] = np.inf
    one, two = np.unravel_index(int(miss.argmin()), miss.shape)
    a, b = int(cuts[one]), int(cuts[two])
    return _cut(pieces, 0, a, window), _cut(pieces, a + embargo, b, window), _cut(pieces, b + embargo, end, window)


def two_blocks(
    pieces: Sequence[Run], window: int, shares: tuple[float, float], embargo: int
) -> tuple[Stretches, Stretches]:
    """Two blocks of time, in order, an embargo apart, of windows in the proportion of the shares.

    Raises
    ------
    InputError
        Too few frames.
    """
    starts = np.array(starts_of(pieces, window), dtype=int)
    cuts = np.unique(starts + window)
    before = np.searchsorted(starts, cuts - window, side="right")
    after = len(starts) - np.searchsorted(starts, cuts + embargo, side="left")
    if not (after > 0).any():
        raise _too_few(pieces, window, embargo, parts=2)
    miss = np.where(after > 0, np.abs(before / (before + after) - shares[0] / sum(shares)), np.inf)
    cut, end = int(cuts[miss.argmin()]), max(run.stop for run in pieces)
    return _cut(pieces, 0, cut, window), _cut(pieces, cut + embargo, end, window)


def _cut(pieces: Sequence[Run], low: int, high: int, window: int) -> Stretches:
    cut = [Run(max(run.start, low), min(run.stop, high)) for run in pieces]
    return tuple(run for run in cut if run.stop - run.start >= window)


def _too_few(pieces: Sequence[Run], window: int, embargo: int, *, parts: int = 3) -> InputError:
    what, needed = {
        1: ("training", f"one window of {window} frames"),
        2: ("two parts", f"two windows of {window} and an embargo of {embargo} frames: {2 * window + embargo}"),
        3: (
            "training, validation and test",
            f"three windows of {window} and two embargoes of {embargo} frames: {3 * window + 2 * embargo}",
        ),
    }[parts]
    return InputError(
        f"too few frames that follow each other for {what}",
        found=f"{sum(map(len, pieces))} frame(s) in {len(pieces)} run(s) without a gap",
        needed=needed,
        next_step=("lower --context or --horizon, or add frames" if window > SHORTEST else "add frames of the series"),
    )
