"""EventIndex: how much happens in each window of a plan, from one pass over the frames."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import xarray as xr

from nowcast.cube import Run, label, runs
from nowcast.readers import reading
from nowcast.sampling.statistics import Statistic
from nowcast.windows import WindowPlan

__all__ = ["EventIndex", "event_index"]

MEMORY = 250_000_000


@dataclass(frozen=True)
class EventIndex:
    """Of each window, dims `(start, corner)` in the plan's order.

    Attributes
    ----------
    importance
        The mean of the statistic over the window's observed pixels; 0 where there are none; float32.
    observed
        Whether any pixel was.
    """

    importance: np.ndarray
    observed: np.ndarray


def event_index(
    cube: xr.DataArray,
    plan: WindowPlan,
    statistic: Statistic,
    *,
    memory: int = MEMORY,
    progress: Callable[[int, int], object] | None = None,
) -> EventIndex:
    """Read each frame of the plan's windows once; exact, and linear in the number of pixels.

    The statistic of a frame is summed over every patch by a table of cumulative sums (doi:10.1145/800031.808600), and
    over a window's frames as they pass: no more is held than a block of frames and the sums of one window's length.

    Parameters
    ----------
    cube
        Dims `(time, channel, y, x)`, lazy or not.
    memory
        Bytes that a block of frames, and what is made of it, may take.
    progress
        Called with (frames done, frames in all).

    Raises
    ------
    InputError
        A file that cannot be read.
    """
    length = plan.context + plan.horizon
    corners = np.array(plan.corners)
    position = {start: place for place, start in enumerate(plan.starts)}
    importance = np.zeros((len(plan.starts), len(corners)), "float32")
    observed = np.zeros(importance.shape, bool)
    stretches = _covered(plan.starts, length, {run.start for run in runs(cube)})
    total, done = sum(map(len, stretches)), 0
    for stretch in stretches:
        sums = deque([np.zeros((2, len(corners)))], maxlen=length + 1)
        before = None
        for low, high in _blocks(cube, stretch, memory):
            with reading(label(cube)):
                frames = np.asarray(cube.isel(time=slice(low, high)).data).astype("float32", copy=False)
            frames = np.where(np.isfinite(frames), frames, np.float32(np.nan))
            found = statistic(frames, before)
            before = frames[-1]
            for number, each in enumerate(found, low):
                sums.append(sums[-1] + _of_patches(each, corners, plan.patch))
                start = position.get(number - length + 1)
                if start is not None:
                    amount, pixels = sums[-1] - sums[0]
                    observed[start] = pixels > 0
                    importance[start] = np.maximum(amount, 0) / np.maximum(pixels, 1)
            done += high - low
            if progress is not None:
                progress(done, total)
    return EventIndex(importance, observed)


def _covered(starts: tuple[int, ...], length: int, firsts: set[int]) -> list[Run]:
    """The stretches of frames that windows hold; none goes on over the first frame of a run."""
    found: list[Run] = []
    for start in starts:
        if found and start <= found[-1].stop and start not in firsts:
            found[-1] = Run(found[-1].start, start + length)
        else:
            found.append(Run(start, start + length))
    return found


def _blocks(cube: xr.DataArray, stretch: Run, memory: int) -> Iterator[tuple[int, int]]:
    """Stretches of whole chunks, as many as a twelfth of the memory takes as float32."""
    room = max(1, memory // (12 * 4 * int(np.prod(cube.shape[1:]))))
    edges = np.cumsum((0, *cube.chunksizes["time"])) if cube.chunks else np.arange(cube.sizes["time"] + 1)
    low = stretch.start
    while low < stretch.stop:
        fitting = edges[(edges > low) & (edges <= low + room)]
        high = int(min(fitting[-1] if len(fitting) else low + room, stretch.stop))
        yield low, high
        low = high


def _of_patches(values: np.ndarray, corners: np.ndarray, patch: tuple[int, int]) -> np.ndarray:
    """The sum over each patch, and of how many known pixels; dims `(2, corner)`."""
    known = np.isfinite(values)
    table = np.zeros((2, values.shape[0] + 1, values.shape[1] + 1))
    np.cumsum(np.cumsum([np.where(known, values, 0), known], axis=1, dtype=float), axis=2, out=table[:, 1:, 1:])
    y, x = corners.T
    below, right = y + patch[0], x + patch[1]
    sums: np.ndarray = table[:, below, right] - table[:, y, right] - table[:, below, x] + table[:, y, x]
    return sums
