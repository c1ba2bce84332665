"""Split: which frames are for training, for validation, for the test. No frame is in two of them.

Published parts are kept. Without them many short sequences are shared out whole; else time is cut into blocks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import xarray as xr

from nowcast.cube import PARTS, Run, iso, sequence_of, time_step
from nowcast.errors import InputError
from nowcast.windows.plans import starts_of
from nowcast.windows.sequences import Sequences

__all__ = [
    "BY_EVENT",
    "BY_PUBLISHER",
    "BY_SEQUENCE",
    "BY_TIME",
    "FRACTIONS",
    "Split",
    "Stretches",
    "split",
    "two_blocks",
]

FRACTIONS = (0.7, 0.15, 0.15)
"""Shares of the windows: training, validation, test."""

CANDIDATES = 256

MANY = 7
"""So many sequences can be shared out whole: one of them is then no more than the share of a part."""

BY_TIME, BY_SEQUENCE, BY_PUBLISHER = "blocks of time", "whole sequences", "the published parts"
BY_EVENT = "whole events"

Stretches = tuple[Run, ...]


@dataclass(frozen=True)
class Split:
    """The runs of each part, how many frames lie unused between two parts, and what kept them apart.

    A part may be empty where that was asked for, or where a cube is one of several that are parts as a whole.
    """

    training: Stretches
    validation: Stretches
    test: Stretches
    embargo: int
    basis: str = BY_TIME

    def part(self, name: str) -> Stretches:
        return {"training": self.training, "validation": self.validation, "test": self.test}[name]

    def frames(self, name: str) -> list[int]:
        """Indices along time of a part's frames, ascending."""
        return [index for run in self.part(name) for index in range(run.start, run.stop)]

    def audit(self, cube: xr.DataArray) -> dict[str, Any]:
        """What can be checked by eye: times, frames, sequences of each part, the embargo, what is shared.

        Statistics, such as those of the scaling, are those of the training part: their times are told again.
        """
        time, sequence = cube["time"].values, sequence_of(cube)
        frames, step = {name: set(self.frames(name)) for name in PARTS}, time_step(cube)
        held = {name: {sequence[run.start] for run in self.part(name)} for name in PARTS}
        parts = {
            name: {
                "first": iso(time[self.part(name)[0].start]) if frames[name] else None,
                "last": iso(time[self.part(name)[-1].stop - 1]) if frames[name] else None,
                "frames": len(frames[name]),
                "sequences": len(held[name]),
                "runs": [[run.start, run.stop] for run in self.part(name)],
            }
            for name in PARTS
        }
        return {
            "split_by": self.basis,
            "parts": parts,
            "embargo_frames": self.embargo,
            "embargo_seconds": None if step is None else self.embargo * step,
            "shared_frames": _shared(frames),
            "shared_sequences": _shared(held),
            "statistics_from": "training",
            "statistics_times": [parts["training"]["first"], parts["training"]["last"]],
        }


def split(
    pieces: Sequence[Run],
    *,
    window: int,
    fractions: tuple[float, float, float] = FRACTIONS,
    embargo: int | None = None,
    sequences: Sequences | None = None,
) -> Split:
    """Share frames out to training, validation and test.

    Published parts are kept; where these name no validation, it is the last share of the training sequences. At least
    `MANY` sequences are shared out whole, in their order. Else the time axis is cut into blocks, one for each part.

    Parameters
    ----------
    pieces
        The runs of the cube, in order.
    window
        Frames of a window; each part that is asked for holds one at least.
    fractions
        The share of the windows that each part should have; met as nearly as runs and embargo allow. A part of 0 is
        left empty, and what was published as it is in no part.
    embargo
        Frames left unused between two blocks of time; None: one window. A shorter one than a window is refused.
    sequences
        What may not be torn apart (`Sequences.of(cube)`); then `pieces` are not looked at.

    Raises
    ------
    InputError
        Fractions that are no shares, too short an embargo, or too few frames for the parts.
    """
    if len(fractions) != 3 or min(fractions) < 0 or not fractions[0] or abs(sum(fractions) - 1) > 1e-6:
        raise InputError(
            "split fractions must be three shares that add up to 1, that of training above 0",
            found=", ".join(f"{share:g}" for share in fractions),
            needed="training, validation, test: 0.7,0.15,0.15, or 0.8,0.2,0 without a test part",
        )
    embargo = window if embargo is None else embargo
    if embargo < window:
        raise InputError("the embargo is shorter than a window", found=str(embargo), needed=f"at least {window} frames")
    shares = [share for share in fractions if share > 0]
    between = embargo if len(shares) > 1 else 0
    if sequences is None:
        return Split(*_in_time(pieces, window, fractions, embargo), between)
    if sequences.parts is not None:
        found = _published(sequences, window, fractions, embargo)
        if found is not None:
            return found
    whole, numbers = sequences.usable(window)
    if len(set(numbers)) >= MANY:
        return Split(*_placed(_whole(whole, numbers, window, shares), fractions), 0, BY_SEQUENCE)
    return Split(*_in_time(sequences.pieces, window, fractions, embargo), between)


def _published(sequences: Sequences, window: int, fractions: tuple[float, float, float], embargo: int) -> Split | None:
    """The published parts, as far as they are asked for; None where nothing long enough is at hand for them."""
    pool, numbers = sequences.usable(window, "training")
    test = tuple(sequences.usable(window, "test")[0])
    if not pool or (fractions[2] and not test):
        return None
    test = test if fractions[2] else ()
    validation = tuple(sequences.usable(window, "validation")[0]) if fractions[1] else ()
    if validation or not fractions[1]:
        return Split(tuple(pool), validation, test, 0, BY_PUBLISHER)
    shares = (fractions[0], fractions[1])
    if len(set(numbers)) >= MANY:
        training, held_out = _whole(pool, numbers, window, shares)
        return Split(training, held_out, test, 0, BY_PUBLISHER)
    return Split(*two_blocks(pool, window, shares, embargo), test, embargo, BY_PUBLISHER)


def _placed(
    found: Sequence[Stretches], fractions: tuple[float, float, float]
) -> tuple[Stretches, Stretches, Stretches]:
    """What was found for each part that is asked for, and nothing for the others."""
    given = iter(found)
    training, validation, test = (next(given) if share > 0 else () for share in fractions)
    return training, validation, test


def _in_time(
    pieces: Sequence[Run], window: int, fractions: tuple[float, float, float], embargo: int
) -> tuple[Stretches, Stretches, Stretches]:
    """A block of time for each part that is asked for."""
    shares = [share for share in fractions if share > 0]
    if len(shares) == 3:
        return _blocks(pieces, window, fractions, embargo)
    if len(shares) == 2:
        return _placed(two_blocks(pieces, window, (shares[0], shares[1]), embargo), fractions)
    whole = tuple(run for run in pieces if len(run) >= window)
    if not whole:
        raise _too_few(pieces, window, embargo, parts=1)
    return _placed([whole], fractions)


def _blocks(
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


def _whole(
    pieces: Sequence[Run], numbers: Sequence[int], window: int, shares: Sequence[float]
) -> tuple[Stretches, ...]:
    """Sequences in their order, each wholly in one part; every part gets one at least."""
    order = list(dict.fromkeys(numbers))
    windows = dict.fromkeys(order, 0)
    for run, number in zip(pieces, numbers, strict=True):
        windows[number] += len(run) - window + 1
    reached = np.cumsum([windows[number] for number in order])
    wanted = np.cumsum(shares)[:-1] / sum(shares) * reached[-1]
    edges = [0]
    for position, target in enumerate(wanted):
        low, high = edges[-1] + 1, len(order) - (len(shares) - 1 - position)
        edges.append(low + int(np.abs(reached[low - 1 : high] - target).argmin()))
    edges.append(len(order))
    parts = []
    for low, high in pairwise(edges):
        inside = set(order[low:high])
        parts.append(tuple(run for run, number in zip(pieces, numbers, strict=True) if number in inside))
    return tuple(parts)


def _cut(pieces: Sequence[Run], low: int, high: int, window: int) -> Stretches:
    cut = [Run(max(run.start, low), min(run.stop, high)) for run in pieces]
    return tuple(run for run in cut if run.stop - run.start >= window)


def _shared(held: dict[str, set[int]]) -> int:
    training, validation, test = (held[name] for name in PARTS)
    return len(training & validation) + len((training | validation) & test)


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
        next_step="lower --context or --horizon, or add frames",
    )
