"""WindowPlan: which frames and which pixels make a sample; a window lies within one run and one patch of the field."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import xarray as xr

from nowcast.cube import Run, label, runs
from nowcast.errors import InputError

__all__ = ["Window", "WindowPlan", "corners_of", "plan", "starts_of"]


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


def plan(
    cube: xr.DataArray,
    *,
    context: int,
    horizon: int,
    stride: int = 1,
    patch: int | tuple[int, int] | None = None,
    patch_stride: int | None = None,
    within: Sequence[Run] | None = None,
    absent: np.ndarray | None = None,
    most_absent: int = 0,
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
    absent
        Which frames along time are absent; None: none. A window has at most `most_absent` of them in its context, and
        one frame at least that is there in its context and one in its horizon.

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
    starts = starts_of(pieces, context + horizon, stride)
    if not starts:
        longest = max((len(run) for run in pieces), default=0)
        raise InputError(
            f"{label(cube)}: no window fits in time",
            found=f"at most {longest} frame(s) in a row",
            needed=f"{context + horizon} (context {context} + horizon {horizon})",
            next_step="lower --context or --horizon, or add frames",
        )
    absent = np.zeros(cube.sizes["time"], dtype=bool) if absent is None else absent
    starts = _told_enough(starts, absent, context, horizon, most_absent)
    if not starts:
        raise InputError(
            f"{label(cube)}: too many frames are absent in every window",
            found=f"{int(absent.sum())} of {cube.sizes['time']} frames absent",
            needed=f"at most {most_absent} of the {context} context frames, and not the whole horizon",
            next_step="raise --max-missing, or add frames",
        )
    ys = corners_of(size[0], shape[0], patch_stride or max(1, shape[0] // 2))
    xs = corners_of(size[1], shape[1], patch_stride or max(1, shape[1] // 2))
    return WindowPlan(context, horizon, tuple(starts), tuple((y, x) for y in ys for x in xs), shape)


def _told_enough(starts: list[int], absent: np.ndarray, context: int, horizon: int, most: int) -> list[int]:
    """The starts of windows in which not too many frames are absent."""
    first = np.array(starts, dtype=int)
    before = np.append(0, np.cumsum(absent))
    given = before[first + context] - before[first]
    asked = before[first + context + horizon] - before[first + context]
    kept: list[int] = first[(given <= min(most, context - 1)) & (asked < horizon)].tolist()
    return kept


def starts_of(pieces: Sequence[Run], length: int, stride: int = 1) -> list[int]:
    """First frames of all windows of so many frames."""
    return [start for run in pieces for start in range(run.start, run.stop - length + 1, stride)]


def corners_of(size: int, patch: int, stride: int) -> list[int]:
    """First pixels of patches along one side; the last patch touches the border."""
    last = size - patch
    return sorted({*range(0, last + 1, stride), last})
