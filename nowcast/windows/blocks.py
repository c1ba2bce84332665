"""BlockPlan: the windows of a plan in groups that are read together. Index arithmetic; no data is read here.

A random window decodes every chunk that it touches, many times its own size. A block is read once, and all windows that
begin in it are cut from memory: how much is decoded for each window is settled by the size of the blocks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise, product
from typing import NamedTuple

import numpy as np

from nowcast.errors import InputError
from nowcast.windows.plans import WindowPlan

__all__ = ["Block", "BlockPlan", "ChunkEdges", "group_windows", "plan_blocks"]

ChunkEdges = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Along time, y and x: where chunks begin, and where the last one ends."""

COPY_FOR_DECODE = 5.0
"""Bytes that are copied in the time in which one is decoded (zstd of radar, one core): what blocks cost."""

SPARE_COST = 1.25
"""Smaller blocks are taken until they cost so many times the best, for more of them can be mixed."""

FEWEST_MIXED, MOST_MIXED = 2, 16
"""Blocks that windows are drawn from at a time, memory permitting; one more is being read."""

Groups = tuple[tuple[int, int], ...]
"""Of starts, or of rows or columns of patches: from which position to which."""


class Block(NamedTuple):
    """A region of the cube that is read at once, and the windows that are cut from it, by their index in the plan."""

    time: slice
    y: slice
    x: slice
    windows: np.ndarray


@dataclass(frozen=True)
class BlockPlan:
    """All windows of a plan in blocks, each window in one.

    Attributes
    ----------
    mixed
        Blocks that a shuffle draws from at a time.
    block_bytes
        Of the largest block.
    decoded_bytes, window_bytes
        Of one pass: what is decoded, and what windows are cut from it.
    """

    plan: WindowPlan
    starts: Groups
    rows: Groups
    columns: Groups
    mixed: int
    block_bytes: int
    decoded_bytes: int
    window_bytes: int
    _axes: tuple[np.ndarray, np.ndarray, np.ndarray] = field(repr=False, compare=False)

    def __len__(self) -> int:
        return len(self.starts) * len(self.rows) * len(self.columns)

    def __getitem__(self, index: int) -> Block:
        if not 0 <= index < len(self):
            raise IndexError(f"block {index} of {len(self)}")
        group, row, column = np.unravel_index(index, (len(self.starts), len(self.rows), len(self.columns)))
        (t0, t1), (y0, y1), (x0, x1) = self.starts[group], self.rows[row], self.columns[column]
        times, ys, xs = self._axes
        across = len(xs)
        corner = np.arange(y0, y1)[:, None] * across + np.arange(x0, x1)
        windows = (np.arange(t0, t1)[:, None] * (len(ys) * across) + corner.ravel()).ravel()
        height, width = self.plan.patch
        return Block(
            slice(int(times[t0]), int(times[t1 - 1]) + self.plan.context + self.plan.horizon),
            slice(int(ys[y0]), int(ys[y1 - 1]) + height),
            slice(int(xs[x0]), int(xs[x1 - 1]) + width),
            windows,
        )

    @property
    def sizes(self) -> np.ndarray:
        """Windows of each block."""
        along = [
            np.array([stop - start for start, stop in groups]) for groups in (self.starts, self.rows, self.columns)
        ]
        sizes: np.ndarray = np.multiply.outer(np.multiply.outer(along[0], along[1]), along[2]).ravel()
        return sizes

    @property
    def reuse(self) -> float:
        """How many times each decoded byte is used in a pass; below 1 where most of a chunk is thrown away."""
        return self.window_bytes / self.decoded_bytes

    def __str__(self) -> str:
        return (
            f"{len(self)} block(s) of {self.block_bytes / 1e6:.3g} MB, {int(self.sizes.max())} windows each, "
            f"{self.mixed} mixed at a time; each byte decoded is used {self.reuse:.3g} times"
        )


def plan_blocks(plan: WindowPlan, *, edges: ChunkEdges, pixel_bytes: int, memory: int) -> BlockPlan:
    """The blocks that cost least to read within a budget of memory, and how many of them can be mixed.

    Parameters
    ----------
    edges
        Of the store's chunks.
    pixel_bytes
        That one pixel of one frame takes, all channels, as it is held in memory.
    memory
        Bytes for the blocks that are held, the one that is being read, and the chunk that is being decoded.

    Raises
    ------
    InputError
        A chunk, or a window, is larger than the memory.
    """
    axes = _axes(plan)
    chunk = int(np.prod([int(np.diff(edge).max()) for edge in edges])) * pixel_bytes
    least = (plan.context + plan.horizon) * plan.patch[0] * plan.patch[1] * pixel_bytes
    if chunk > memory or least > memory:
        raise InputError(
            f"one {'chunk' if chunk > memory else 'window'} is larger than the memory that windows may take",
            found=f"{max(chunk, least) / 1e6:.4g} MB",
            needed=f"at most {memory / 1e6:.4g} MB",
            next_step="nowcast convert PATH cube.zarr cuts it smaller; or a higher --memory"
            if chunk > memory
            else "a smaller --patch, or a higher --memory",
        )
    window_bytes = len(plan) * least
    room = max(memory - chunk, least)
    starts, ys, xs = (_side(plan, axes, edges, axis, [0, len(axes[axis])]) for axis in range(3))
    whole = _Candidate(starts, ys, xs, pixel_bytes)
    if whole.bytes <= room:
        return _chosen(plan, axes, whole, mixed=1)
    stretches = [_stretches(axes[0], span) for span in _spans(edges[0], axes[0])]
    cuts = [stretches, *([_shared(len(axes[axis]), n) for n in _counts(axes[axis])] for axis in (1, 2))]
    sides = [[_side(plan, axes, edges, axis, each) for each in cuts[axis]] for axis in range(3)]
    for mixed in (FEWEST_MIXED, 1):
        fitting = [
            each
            for starts, ys, xs in product(*sides)
            if (each := _Candidate(starts, ys, xs, pixel_bytes)).bytes <= room / (mixed + 1)
        ]
        if fitting:
            best = min(each.cost(window_bytes) for each in fitting)
            good = [each for each in fitting if each.cost(window_bytes) <= SPARE_COST * best]
            ample = [each for each in good if room // each.bytes > MOST_MIXED]
            if ample:
                chosen = min(ample, key=lambda each: each.cost(window_bytes))
            else:
                chosen = min(good, key=lambda each: each.bytes)
            mixed = int(min(room // chosen.bytes - 1, MOST_MIXED))
            return _chosen(plan, axes, chosen, mixed=max(1, mixed))
    return group_windows(
        plan, edges=edges, pixel_bytes=pixel_bytes, frames=1, rows=len(axes[1]), columns=len(axes[2]), mixed=1
    )


def group_windows(
    plan: WindowPlan, *, edges: ChunkEdges, pixel_bytes: int, frames: int, rows: int, columns: int, mixed: int
) -> BlockPlan:
    """Blocks as they are asked for: the windows that begin in so many frames, in so many groups of rows and columns."""
    axes = _axes(plan)
    cuts = _stretches(axes[0], frames), _shared(len(axes[1]), rows), _shared(len(axes[2]), columns)
    starts, ys, xs = (_side(plan, axes, edges, axis, cut) for axis, cut in enumerate(cuts))
    return _chosen(plan, axes, _Candidate(starts, ys, xs, pixel_bytes), mixed=mixed)


class _Side(NamedTuple):
    """One axis in groups: where they are cut, the longest stretch that is held, and all that is decoded of it."""

    cuts: Sequence[int]
    longest: int
    decoded: int


class _Candidate(NamedTuple):
    starts: _Side
    rows: _Side
    columns: _Side
    pixel_bytes: int

    @property
    def bytes(self) -> int:
        """Of the largest block."""
        return self.pixel_bytes * self.starts.longest * self.rows.longest * self.columns.longest

    @property
    def decoded(self) -> int:
        return self.pixel_bytes * self.starts.decoded * self.rows.decoded * self.columns.decoded

    def cost(self, window_bytes: int) -> float:
        return self.decoded + window_bytes / COPY_FOR_DECODE


def _axes(plan: WindowPlan) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """First frames, first rows and first columns of the windows, each ascending."""
    corners = np.array(plan.corners)
    return np.array(plan.starts), np.unique(corners[:, 0]), np.unique(corners[:, 1])


def _side(
    plan: WindowPlan,
    axes: tuple[np.ndarray, np.ndarray, np.ndarray],
    edges: ChunkEdges,
    axis: int,
    cuts: Sequence[int],
) -> _Side:
    firsts, edge = axes[axis], edges[axis]
    length = (plan.context + plan.horizon, *plan.patch)[axis]
    low = firsts[np.array(cuts[:-1])]
    high = firsts[np.array(cuts[1:]) - 1] + length
    outer_low = edge[np.searchsorted(edge, low, side="right") - 1]
    outer_high = edge[np.searchsorted(edge, high, side="left")]
    return _Side(cuts, int((high - low).max()), int((outer_high - outer_low).sum()))


def _chosen(
    plan: WindowPlan, axes: tuple[np.ndarray, np.ndarray, np.ndarray], found: _Candidate, *, mixed: int
) -> BlockPlan:
    window = (plan.context + plan.horizon) * plan.patch[0] * plan.patch[1] * found.pixel_bytes
    starts, rows, columns = (tuple(pairwise(side.cuts)) for side in found[:3])
    return BlockPlan(plan, starts, rows, columns, mixed, found.bytes, found.decoded, len(plan) * window, axes)


def _stretches(times: np.ndarray, span: int) -> list[int]:
    """Where starts are cut into stretches of so many frames, counted from the first frame of the cube."""
    return [0, *(np.flatnonzero(np.diff(times // span)) + 1).tolist(), len(times)]


def _shared(length: int, groups: int) -> list[int]:
    cuts: list[int] = np.linspace(0, length, groups + 1).round().astype(int).tolist()
    return cuts


def _counts(firsts: np.ndarray) -> list[int]:
    """Numbers of groups that are tried."""
    most = len(firsts)
    return sorted({1, most, *(n for n in (2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64) if n <= most)})


def _spans(edges: np.ndarray, times: np.ndarray) -> Sequence[int]:
    """Stretches of frames that are tried: multiples of a chunk, and parts of it."""
    chunk, length = int(np.diff(edges).max()), int(times[-1] - times[0] + 1)
    spans = {1}
    many = chunk
    while many < 2 * length:
        spans |= {many, many + many // 2 // chunk * chunk}
        many *= 2
    part = chunk
    while part > 1:
        spans.add(part)
        part //= 2
    return sorted(spans)
