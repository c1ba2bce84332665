"""Split: which frames are for training, for validation, for the test. No frame is in two of them.

Published parts are kept. Without them many short sequences are shared out whole; else time is cut into blocks.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from nowcast.cube import Run
from nowcast.errors import InputError
from nowcast.windows.parts import BY_PUBLISHER, BY_SEQUENCE, FRACTIONS, Split, Stretches, placed
from nowcast.windows.sequences import Sequences
from nowcast.windows.time_blocks import blocks_of_time, two_blocks

__all__ = ["split"]

MANY = 7
"""So many sequences can be shared out whole: one of them is then no more than the share of a part."""


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
        return Split(*blocks_of_time(pieces, window, fractions, embargo), between)
    if sequences.parts is not None:
        found = _published(sequences, window, fractions, embargo)
        if found is not None:
            return found
    whole, numbers = sequences.usable(window)
    if len(set(numbers)) >= MANY:
        return Split(*placed(_whole(whole, numbers, window, shares), fractions), 0, BY_SEQUENCE)
    return Split(*blocks_of_time(sequences.pieces, window, fractions, embargo), between)


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
