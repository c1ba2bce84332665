"""JoinedBlocks: the blocks of several cubes as one list, their windows numbered through."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from nowcast.windows.blocks import Block, BlockPlan

__all__ = ["JoinedBlocks", "Place"]


class Place(NamedTuple):
    """Which cube a block is of, and the block, its windows numbered within that cube."""

    cube: int
    block: Block


class JoinedBlocks:
    """Blocks of one cube after another's.

    Parameters
    ----------
    plans
        One for each cube; windows of all have one shape.
    memory
        Bytes for the blocks that are held, and the one that is being read.
    """

    def __init__(self, plans: Sequence[BlockPlan], *, memory: int) -> None:
        self.plans = tuple(plans)
        self._blocks = np.cumsum([0, *map(len, plans)])
        self._windows = np.cumsum([0, *(len(each.plan) for each in plans)])
        self.sizes = np.concatenate([each.sizes for each in plans])
        largest = np.sort(np.concatenate([np.full(len(each), each.block_bytes) for each in plans]))[::-1]
        fitting = int(np.searchsorted(np.cumsum(largest), memory, side="right"))
        self.held = fitting >= len(largest) or len(largest) == 1
        """Whether all of them fit: then they are read once, and kept."""
        self.mixed = len(largest) if self.held else max(1, min(fitting - 1, max(each.mixed for each in plans)))

    def __len__(self) -> int:
        return int(self._blocks[-1])

    @property
    def windows(self) -> int:
        """How many there are in all."""
        return int(self._windows[-1])

    def windows_of(self, number: int) -> np.ndarray:
        """The windows of a block, numbered through all cubes."""
        cube, block = self.place(number)
        numbered: np.ndarray = block.windows + self._windows[cube]
        return numbered

    def place(self, number: int) -> Place:
        """The block of that number."""
        cube = int(np.searchsorted(self._blocks, number, side="right")) - 1
        return Place(cube, self.plans[cube][number - int(self._blocks[cube])])

    def split(self, windows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Of windows numbered through: the cube of each, and its number within that cube."""
        cubes = np.searchsorted(self._windows, windows, side="right") - 1
        return cubes, windows - self._windows[cubes]

    @property
    def reuse(self) -> float:
        """How many times each decoded byte is used in a pass."""
        return sum(each.window_bytes for each in self.plans) / sum(each.decoded_bytes for each in self.plans)

    def __str__(self) -> str:
        bytes_held = max(each.block_bytes for each in self.plans)
        told = f"{len(self)} block(s) of up to {bytes_held / 1e6:.3g} MB and {int(self.sizes.max())} windows"
        how = "all held" if self.held else f"{self.mixed} mixed at a time"
        return f"{told}, {how}; each byte decoded is used {self.reuse:.3g} times"
