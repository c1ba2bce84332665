"""Shares: which windows of each batch of an epoch one of several processes takes. Index arithmetic."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

__all__ = ["Shares"]


class Shares(NamedTuple):
    """Of an epoch of `total` windows in batches of `batch`: the share of the process `rank` of `world` in each.

    A batch is parted into runs of windows that differ by one in length at most, so that a step of all processes is of
    the windows of one batch, however many they are. Of a last batch with fewer windows than processes each has one, and
    those that have it from another (`is_spare`) are to let it count for nothing.
    """

    total: int
    batch: int
    rank: int = 0
    world: int = 1

    @property
    def batches(self) -> int:
        return -(-self.total // self.batch)

    def size(self, number: int) -> int:
        """Windows of a batch, of all processes together."""
        return min(self.batch, self.total - number * self.batch)

    def bounds(self, number: int) -> tuple[int, int]:
        """The share of a batch, as positions within it."""
        size = self.size(number)
        if size < self.world:
            first = min(self.rank, size - 1)
            return first, first + 1
        return size * self.rank // self.world, size * (self.rank + 1) // self.world

    def is_spare(self, number: int) -> bool:
        """Whether another process has these windows too, and counts them."""
        return self.rank >= self.size(number)

    @property
    def edges(self) -> np.ndarray:
        """Where batches begin among this process's windows, and where the last one ends."""
        sizes = [high - low for low, high in map(self.bounds, range(self.batches))]
        return np.concatenate(([0], np.cumsum(sizes, dtype=int))).astype(int)

    @property
    def positions(self) -> np.ndarray:
        """Of this process's windows in the epoch, ascending."""
        runs = [n * self.batch + np.arange(*self.bounds(n)) for n in range(self.batches)]
        return np.concatenate(runs) if runs else np.empty(0, dtype=int)
