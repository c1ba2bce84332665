"""How many frames are given and asked for, where that is open: enough to see what moves, and to learn from."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from nowcast.errors import InputError
from nowcast.windows.parts import Split
from nowcast.windows.plans import starts_of

__all__ = ["ENOUGH_STARTS", "LEAST_CONTEXT", "Way", "choose"]

SUGGESTED = ((10, 10), (8, 8), (6, 6), (4, 6), (4, 4), (3, 3), (3, 2), (3, 1), (2, 2), (2, 1), (1, 1))
"""Context and horizon tried in this order until the training part offers `ENOUGH_STARTS` starting times."""

LEAST_CONTEXT = 3
"""Fewer frames hardly tell how anything moves: they are chosen where nothing else can be split at all."""

ENOUGH_STARTS = 10

Way = Callable[[int], Sequence[Split]]
"""From the frames of a window to the split of each cube; raises `InputError` where there is none."""


def choose(
    ways: Sequence[Way], *, context: int | None = None, horizon: int | None = None, longest: int | None = None
) -> tuple[int, int, list[Split]]:
    """Context, horizon, and the splits of the first way that allows them; what is given stays as it is.

    A context of `LEAST_CONTEXT` is not given up while any way allows it, were its starting times few; a shorter
    horizon comes before a shorter context.

    Parameters
    ----------
    ways
        How frames may be shared out, the preferred one first.
    longest
        Contexts longer than this are not chosen; None: any may be.

    Raises
    ------
    InputError
        Not even the shortest window can be split, in words of the first way.
    """
    failure = InputError("too few frames to learn from")
    for windows in _tiers(context, horizon, longest):
        for way in ways:
            best: tuple[int, int, int, list[Split]] | None = None
            for c, h in windows:
                try:
                    splits = list(way(c + h))
                except InputError as error:
                    failure = error if way is ways[0] else failure
                    continue
                found = sum(len(starts_of(each.training, c + h)) for each in splits)
                if best is None or found > best[0]:
                    best = (found, c, h, splits)
                if found >= ENOUGH_STARTS:
                    break
            if best is not None:
                return best[1:]
    raise failure


def _tiers(context: int | None, horizon: int | None, longest: int | None) -> list[list[tuple[int, int]]]:
    """Windows to try, those that are worth the same in one list."""
    windows = [(context or min(c, longest or c), horizon or h) for c, h in SUGGESTED]
    tiers: dict[int, list[tuple[int, int]]] = {}
    for window in dict.fromkeys(windows):
        tiers.setdefault(LEAST_CONTEXT if context else min(window[0], LEAST_CONTEXT), []).append(window)
    return list(tiers.values())
