"""The axes of a chart: where ticks stand, what they are called, and how values become places."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from nowcast.report.wording import number

__all__ = ["Axis", "axis"]

MOST_DECADES, MOST_STEPS = 7, 5
SAME, TINY = 1e-7, 1e-200
"""Relative and absolute distance below which values are one."""


@dataclass(frozen=True)
class Axis:
    """Values to pixels: `low` lies at `start`, `high` at `stop`.

    Attributes
    ----------
    ticks, texts
        Values that are marked, and their names.
    log
        Whether equal ratios are equally far.
    """

    low: float
    high: float
    start: float
    stop: float
    ticks: tuple[float, ...]
    texts: tuple[str, ...]
    log: bool = False

    def at(self, value: float) -> float:
        """The place of a value, in pixels, not beyond the ends by more than a hundredth."""
        low, high = (math.log(self.low), math.log(self.high)) if self.log else (self.low, self.high)
        share = ((math.log(max(value, self.low)) if self.log else value) - low) / (high - low)
        return self.start + min(max(share, -0.01), 1.01) * (self.stop - self.start)


def axis(
    values: Sequence[float],
    *,
    start: float,
    stop: float,
    floor: float | None = None,
    ceiling: float | None = None,
    marks: Sequence[tuple[float, str]] | None = None,
    log: bool = False,
) -> Axis:
    """An axis about the values.

    Parameters
    ----------
    floor, ceiling
        Values that are to lie on it too.
    marks
        Ticks and their names; None: round numbers. At most as many are taken as have room.
    """
    finite = [value for value in (*values, floor, ceiling) if value is not None and math.isfinite(value)]
    if log:
        finite = [value for value in finite if value > 0]
    low, high = (min(finite), max(finite)) if finite else (1.0, 2.0)
    if high - low <= SAME * max(abs(low), abs(high)) or high - low < TINY:
        low, high = (low / 2, high * 2) if log else (low - abs(low) / 2 - 0.5, high + abs(high) / 2 + 0.5)
    if marks is not None:
        margin = 0.02 * (high - low)
        ends = (low / 1.05, high * 1.05) if log else (low - margin, high + margin)
        bare = Axis(*ends, start, stop, (), (), log)
        fitting = _apart(marks, bare)
        return replace(bare, ticks=tuple(value for value, _ in fitting), texts=tuple(text for _, text in fitting))
    if log:
        ticks = _decades(low, high)
        return Axis(min(low, ticks[0]), max(high, ticks[-1]), start, stop, ticks, tuple(map(number, ticks)), log=True)
    step = _step((high - low) / MOST_STEPS)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    ticks = tuple(float(f"{index * step:.10g}") for index in range(first, last + 1))
    return Axis(ticks[0], ticks[-1], start, stop, ticks, tuple(map(number, ticks)))


def _step(rough: float) -> float:
    power = 10.0 ** math.floor(math.log10(rough))
    return power * next(factor for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough * 0.999)


def _decades(low: float, high: float) -> tuple[float, ...]:
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    for factors in ((1, 2, 5), (1, 3), (1,)):
        found = [
            factor * 10.0**power
            for power in range(first, last + 1)
            for factor in factors
            if low / 1.3 <= factor * 10.0**power <= high * 1.3
        ]
        if len(found) <= MOST_DECADES:
            break
    every = math.ceil(len(found) / MOST_DECADES)
    return tuple(found[::every]) if len(found) > 1 else (low, high)


def _apart(marks: Sequence[tuple[float, str]], bare: Axis) -> list[tuple[float, str]]:
    """Those marks, from the last one back, whose names do not lie on each other."""
    widest = max(len(text) for _, text in marks) * 7 + 12
    found: list[tuple[float, str]] = []
    for value, text in reversed(marks):
        if not found or abs(bare.at(found[-1][0]) - bare.at(value)) >= widest:
            found.append((value, text))
    return found[::-1]
