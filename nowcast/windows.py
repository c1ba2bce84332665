"""WindowPlan: which frames and which pixels make a sample. Index arithmetic alone; no data is read here.

A window is `context + horizon` frames that follow each other within one run (see `nowcast.cube.runs`), cut to a patch
of the field. Parts (training, validation, test) are contiguous blocks of time, an embargo of at least a window apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import xarray as xr

from nowcast.cube import Run, iso, label, runs
from nowcast.errors import InputError

__all__ = ["PARTS", "Split", "Tile", "Window", "WindowPlan", "plan", "split", "suggest", "tiles"]

PARTS = ("training", "validation", "test")

FRACTIONS = (0.7, 0.15, 0.15)
"""Shares of the windows: training, validation, test."""

SUGGESTED = ((10, 10), (8, 8), (6, 6), (4, 6), (4, 4), (3, 3), (2, 2), (1, 1))
"""Context and horizon tried in this order until the training part offers `ENOUGH_STARTS` starting times."""

ENOUGH_STARTS = 10
CANDIDATES = 256


class Window(NamedTuple):
    """Where a sample lies: `time` covers context and horizon."""

    time: slice
    y: slice
    x: slice


@dataclass(frozen=True)
class WindowPlan:
    """All windows of one part, by index: starting times vary slowest, then patches."""

    context: int
    horizon: int
    starts: tuple[int, ...]
    corners: tuple[tuple[int, int], ...]
    patch: tuple[int, int]

    def __len__(self) -> int:
        return len(self.starts) * len(self.corners)

    def __getitem__(self, index: int) -> Window:
        if not -len(self) <= index < len(self):
            raise IndexError(f"window {index} of {len(self)}")
        start, corner = divmod(index % len(self), len(self.corners))
        t, (y, x) = self.starts[start], self.corners[corner]
        return Window(
            slice(t, t + self.context + self.horizon),
            slice(y, y + self.patch[0]),
            slice(x, x + self.patch[1]),
        )

    @property
    def references(self) -> tuple[int, ...]:
        """The index of the last context frame of each starting time: the forecasts' reference times."""
        return tuple(start + self.context - 1 for start in self.starts)


@dataclass(frozen=True)
class Split:
    """The runs of each part, and how many frames lie unused between two parts."""

    training: tuple[Run, ...]
    validation: tuple[Run, ...]
    test: tuple[Run, ...]
    embargo: int

    def part(self, name: str) -> tuple[Run, ...]:
        return {"training": self.training, "validation": self.validation, "test": self.test}[name]

    def frames(self, name: str) -> list[int]:
        """Indices along time of a part's frames, ascending."""
        return [index for run in self.part(name) for index in range(run.start, run.stop)]

    def audit(self, cube: xr.DataArray) -> dict[str, object]:
        """What can be checked by eye: the first and last time and the frames of each part, the embargo, no overlap."""
        time = cube["time"].values
        frames = {name: set(self.frames(name)) for name in PARTS}
        shared = len(frames["training"] & frames["validation"])
        shared += len((frames["training"] | frames["validation"]) & frames["test"])
        parts = {
            name: {
                "first": iso(time[self.part(name)[0].start]),
                "last": iso(time[self.part(name)[-1].stop - 1]),
                "frames": len(frames[name]),
                "runs": [[run.start, run.stop] for run in self.part(name)],
            }
            for name in PARTS
        }
        return {"parts": parts, "embargo_frames": self.embargo, "shared_frames": shared, "statistics_from": "training"}


def plan(
    cube: xr.DataArray,
    *,
    context: int,
    horizon: int,
    stride: int = 1,
    patch: int | tuple[int, int] | None = None,
    patch_stride: int | None = None,
    within: Sequence[Run] | None = None,
) -> WindowPlan:
    """All windows of a cube, or of the given runs of it.

    Parameters
    ----------
    context, horizon
        Frames given and frames asked for.
    stride
        Frames between neighbouring starts.
    patch
        Rows and columns of a window; None takes the whole field.
    patch_stride
        Pixels between neighbouring patches; None: half a patch. The last row and column of patches touch the border.

    Raises
    ------
    InputError
        A size below one, a patch larger than the field, or no run that is long enough.
    """
    for name, value in (("context", context), ("horizon", horizon), ("stride", stride)):
        if value < 1:
            raise InputError(f"--{name} must be at least 1", found=str(value))
    if patch_stride is not None and patch is not None and patch_stride > np.min(patch):
        raise InputError("patches would leave holes", found=f"{patch_stride} pixels apart", needed=f"at most {patch}")
    size = (cube.sizes["y"], cube.sizes["x"])
    shape = size if patch is None else (patch, patch) if isinstance(patch, int) else patch
    if shape[0] < 1 or shape[1] < 1 or shape[0] > size[0] or shape[1] > size[1]:
        raise InputError(
            f"{label(cube)}: a patch of {shape[0]} x {shape[1]} pixels does not fit",
            found=f"a field of {size[0]} x {size[1]} pixels",
            needed="a --patch no larger than the field",
        )
    pieces = runs(cube) if within is None else within
    starts = _starts(pieces, context + horizon, stride)
    if not starts:
        longest = max((len(run) for run in pieces), default=0)
        raise InputError(
            f"{label(cube)}: no window fits in time",
            found=f"at most {longest} frame(s) in a row",
            needed=f"{context + horizon} (context {context} + horizon {horizon})",
            next_step="lower --context or --horizon, or add frames",
        )
    ys = _corners(size[0], shape[0], patch_stride or max(1, shape[0] // 2))
    xs = _corners(size[1], shape[1], patch_stride or max(1, shape[1] // 2))
    return WindowPlan(context, horizon, tuple(starts), tuple((y, x) for y in ys for x in xs), shape)


def split(
    pieces: Sequence[Run],
    *,
    window: int,
    fractions: tuple[float, float, float] = FRACTIONS,
    embargo: int | None = None,
) -> Split:
    """Cut the time axis into training, validation and test blocks, in this order.

    Parameters
    ----------
    pieces
        The runs of the cube, in order.
    window
        Frames of a window; each part holds one at least.
    fractions
        The share of the windows that each part should have; met as nearly as runs and embargo allow.
    embargo
        Frames left unused between two parts; None: one window. A shorter one than a window is refused.

    Raises
    ------
    InputError
        Fractions that are no shares, too short an embargo, or too few frames for three parts.
    """
    if len(fractions) != 3 or min(fractions) <= 0 or abs(sum(fractions) - 1) > 1e-6:
        raise InputError("split fractions must be three shares above 0 that add up to 1", found=str(fractions))
    embargo = window if embargo is None else embargo
    if embargo < window:
        raise InputError("the embargo is shorter than a window", found=str(embargo), needed=f"at least {window} frames")
    starts = np.array(_starts(pieces, window, 1), dtype=int)
    end = max((run.stop for run in pieces), default=0)
    failure = InputError(
        "too few frames that follow each other for training, validation and test",
        found=f"{sum(map(len, pieces))} frame(s) in {len(pieces)} run(s) without a gap",
        needed=f"three windows of {window} and two embargoes of {embargo} frames: {3 * window + 2 * embargo}",
        next_step="lower --context or --horizon, or add frames",
    )
    if not len(starts):
        raise failure

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
        raise failure
    share = counts / np.maximum(counts.sum(axis=0), 1)
    miss = ((share - np.array(fractions)[:, None, None]) ** 2).sum(axis=0)
    miss[~possible] = np.inf
    one, two = np.unravel_index(int(miss.argmin()), miss.shape)
    a, b = int(cuts[one]), int(cuts[two])
    return Split(
        training=_cut(pieces, 0, a, window),
        validation=_cut(pieces, a + embargo, b, window),
        test=_cut(pieces, b + embargo, end, window),
        embargo=embargo,
    )


def suggest(
    pieces: Sequence[Run],
    *,
    context: int | None = None,
    horizon: int | None = None,
    fractions: tuple[float, float, float] = FRACTIONS,
    embargo: int | None = None,
) -> tuple[int, int]:
    """Context and horizon that leave enough starting times to learn from; what is given stays as it is.

    Raises
    ------
    InputError
        Not even the shortest window leaves three parts.
    """
    best: tuple[int, int, int] | None = None
    failure = InputError("too few frames to learn from")
    for c, h in dict.fromkeys((context or c, horizon or h) for c, h in SUGGESTED):
        try:
            parts = split(pieces, window=c + h, fractions=fractions, embargo=embargo)
        except InputError as error:
            failure = error
            continue
        found = len(_starts(parts.training, c + h, 1))
        if found >= ENOUGH_STARTS:
            return c, h
        if best is None or found > best[0]:
            best = (found, c, h)
    if best is None:
        raise failure
    return best[1], best[2]


class Tile(NamedTuple):
    """A piece of the field: rows and columns."""

    y: slice
    x: slice


def tiles(size: tuple[int, int], *, tile: int, halo: int, multiple: int = 1) -> list[Tile]:
    """Overlapping tiles that cover a field; neighbours share `2 * halo` pixels at least. A small field is one tile.

    Parameters
    ----------
    multiple
        Tiles start at multiples of it: of the squares of pixels that a model folds, so that the tiled and the whole
        field are folded alike. The last tile ends at the border and may be smaller.

    Raises
    ------
    InputError
        A halo that leaves nothing of the tile.
    """
    if tile <= 2 * halo:
        raise InputError("the tile is smaller than its halo", found=f"{tile} and {halo}", needed="tile > 2 * halo")
    stride = max(multiple, (tile - 2 * halo) // multiple * multiple)
    rows, columns = (
        sorted({-(-corner // multiple) * multiple for corner in _corners(length, min(tile, length), stride)})
        for length in size
    )
    return [Tile(slice(y, min(y + tile, size[0])), slice(x, min(x + tile, size[1]))) for y in rows for x in columns]


def _starts(pieces: Sequence[Run], length: int, stride: int) -> list[int]:
    return [start for run in pieces for start in range(run.start, run.stop - length + 1, stride)]


def _corners(size: int, patch: int, stride: int) -> list[int]:
    last = size - patch
    return sorted({*range(0, last + 1, stride), last})


def _cut(pieces: Sequence[Run], low: int, high: int, window: int) -> tuple[Run, ...]:
    cut = [Run(max(run.start, low), min(run.stop, high)) for run in pieces]
    return tuple(run for run in cut if run.stop - run.start >= window)
