"""EpochOrder: in what order the windows of an epoch come, by (seed, epoch) alone. Index arithmetic.

Blocks come in random order. The windows of a block are dealt out, at random, over as many steps as blocks are mixed; in
each step the windows that it got from its blocks are shuffled. So few blocks are held at a time, each is read once, and
where an epoch stands is told by a number.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from nowcast.windows.joining import JoinedBlocks
from nowcast.windows.shares import Shares

__all__ = ["EpochOrder", "Step"]


class Step(NamedTuple):
    """The windows of a step by their index in the plan, and the block of each by its place in `EpochOrder.blocks`."""

    windows: np.ndarray
    places: np.ndarray


class _Piece(NamedTuple):
    """Windows `start:stop` of a block, after they were shuffled."""

    block: int
    start: int
    stop: int


class EpochOrder:
    """The order of one epoch for one of `world` processes; each window comes once over all of them.

    Parameters
    ----------
    shuffle
        False: blocks in order, and the windows of each in that of the plan.
    rank, world
        Which process this is, and of how many.
    batch
        Windows of a batch, each of which is shared among the processes (see `Shares`): the epoch is the same however
        many they are, and each needs all blocks. None: blocks are shared, of which each needs few, and windows mix
        otherwise; the shares differ by one window at most.
    drawn
        Indices of the windows that this epoch consists of, ascending; None: all.
    """

    def __init__(
        self,
        blocks: JoinedBlocks,
        *,
        seed: int,
        epoch: int,
        shuffle: bool = True,
        rank: int = 0,
        world: int = 1,
        batch: int | None = None,
        drawn: np.ndarray | None = None,
    ) -> None:
        self._joined, self._key, self._shuffle = blocks, (seed, epoch), shuffle
        self._kept = None
        sizes = blocks.sizes
        if drawn is not None:
            self._kept = np.zeros(blocks.windows, dtype=bool)
            self._kept[drawn] = True
            sizes = np.array([int(self._kept[blocks.windows_of(number)].sum()) for number in range(len(blocks))])
        numbers = self._random(0).permutation(len(blocks)) if shuffle else np.arange(len(blocks))
        edges = np.concatenate(([0], np.cumsum(sizes[numbers])))
        self.total = int(edges[-1])
        """Windows of all processes."""
        low, high = (self.total * place // world for place in (rank, rank + 1)) if batch is None else (0, self.total)
        self._pieces = [
            _Piece(int(number), int(max(low - start, 0)), int(min(high, stop) - start))
            for number, start, stop in zip(numbers, edges[:-1], edges[1:], strict=True)
            if min(high, stop) > max(low, start)
        ]
        self._together = blocks.held and shuffle
        self._mixed = min(blocks.mixed, max(1, len(self._pieces))) if shuffle else 1
        self._steps = 0 if not self._pieces else 1 if self._together else len(self._pieces) + self._mixed - 1
        counts = [sum(hi - lo for _, lo, hi in self._portions(step)) for step in range(self._steps)]
        self._all = self._edges = np.concatenate(([0], np.cumsum(counts, dtype=int))).astype(int)
        self._mine = None
        if batch is not None and world > 1:
            self._mine = Shares(self.total, batch, rank, world).positions
            self._edges = np.searchsorted(self._mine, self._all)

    def __len__(self) -> int:
        """Windows of this process."""
        return int(self._edges[-1])

    @property
    def steps(self) -> int:
        return self._steps

    @property
    def blocks(self) -> Sequence[int]:
        """The blocks in the order in which they are first needed; a `Step`'s places are places in it."""
        return [piece.block for piece in self._pieces]

    def places(self, step: int) -> range:
        """The blocks that a step needs, by their places."""
        if self._together:
            return range(len(self._pieces))
        return range(max(0, step - self._mixed + 1), min(step + 1, len(self._pieces)))

    def step_at(self, index: int) -> tuple[int, int]:
        """The step that the window at a position of the epoch is in, and its place in it."""
        step = int(np.searchsorted(self._edges, index, side="right")) - 1
        return step, index - int(self._edges[min(step, len(self._edges) - 1)])

    def step(self, number: int) -> Step:
        """The windows of a step, in their order."""
        windows, places = [], []
        for place, low, high in self._portions(number):
            windows.append(self._windows(self._pieces[place])[low:high])
            places.append(np.full(high - low, place))
        if not windows:
            return Step(np.empty(0, int), np.empty(0, int))
        together, origin = np.concatenate(windows), np.concatenate(places)
        order = self._random(1, number).permutation(len(together)) if self._shuffle else np.arange(len(together))
        if self._mine is not None:
            order = order[self._mine[slice(*self._edges[number : number + 2])] - self._all[number]]
        return Step(together[order], origin[order])

    def _portions(self, step: int) -> list[tuple[int, int, int]]:
        """Of each block in a step: its place, and which of its piece's windows."""
        if self._together:
            return [(place, 0, piece.stop - piece.start) for place, piece in enumerate(self._pieces)]
        found = []
        for place in self.places(step):
            piece, turn = self._pieces[place], step - place
            size = piece.stop - piece.start
            found.append((place, size * turn // self._mixed, size * (turn + 1) // self._mixed))
        return found

    def _windows(self, piece: _Piece) -> np.ndarray:
        windows = self._joined.windows_of(piece.block)
        if self._kept is not None:
            windows = windows[self._kept[windows]]
        if self._shuffle:
            windows = windows[self._random(2, piece.block).permutation(len(windows))]
        part: np.ndarray = windows[piece.start : piece.stop]
        return part

    def _random(self, *of: int) -> np.random.Generator:
        return np.random.default_rng((*self._key, *of))
