"""Absent frames get their places on the time axis, so that a window may reach across them and knows where they are.

`absent`, a coordinate of truth along time, tells them; their values are NaN.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import dask.array as da
import numpy as np
import xarray as xr

from nowcast.cube import STEP_TOLERANCE, sequence_of, time_step

__all__ = ["absent_frames", "with_absent_frames", "with_absent_marked"]


def absent_frames(cube: xr.DataArray) -> np.ndarray:
    """Which frames are known to be absent, dims `(time,)`: those put in, and those marked for holding no value."""
    if "absent" in cube.coords and cube["absent"].dims == ("time",) and cube["absent"].dtype.kind == "b":
        known: np.ndarray = cube["absent"].values
        return known
    return np.zeros(cube.sizes["time"], dtype=bool)


def with_absent_marked(cube: xr.DataArray, frames: np.ndarray) -> xr.DataArray:
    """The same cube, in which the frames at these positions along time are told to be absent too."""
    absent = absent_frames(cube).copy()
    absent[frames] = True
    return cube.assign_coords(absent=("time", absent, {"long_name": "whether there was no frame"}))


def with_absent_frames(
    cube: xr.DataArray, *, most: int, until: np.datetime64 | None = None, step: float | None = None
) -> xr.DataArray:
    """The cube with frames of NaN where frames are absent: in short gaps, and late ones at its end.

    Parameters
    ----------
    cube
        Dims `(time, channel, y, x)`; integers become float32, or float64 where these would not hold them.
    most
        A gap within a sequence is filled if it is a whole multiple of the time step, to within `STEP_TOLERANCE` of a
        step, and so many frames are absent at most. Their times are evenly spread.
    until
        Behind the last frame come frames at whole time steps up to this time, so many at most.
    step
        The time step in seconds; None: the cube's own.

    Returns
    -------
    xarray.DataArray
        Lazy if the cube is; the very cube where nothing is absent. Other coordinates along time are those of the frame
        before. Frames that the file holds, but without a value, are not found here: nothing is read.
    """
    step = time_step(cube) if step is None else step
    if step is None or most < 1:
        return cube
    time = cube["time"].values
    after = _absent_after(cube, step, most)
    if until is not None:
        late = float((until - time[-1]) / np.timedelta64(1, "s")) / step
        after[-1] = min(max(math.floor(late + STEP_TOLERANCE), 0), most)
    if not after.any():
        return cube
    before = np.repeat(np.arange(len(after)), 1 + after)
    place = np.arange(len(before)) - np.searchsorted(before, before)
    behind = np.timedelta64(round(step * 1e9) * int(1 + after[-1]), "ns").astype(np.diff(time[:1]).dtype)
    spans = np.append(np.diff(time), behind)
    times = time[before] + place * spans[before] // (1 + after[before])
    coords = cube.coords.to_dataset().isel(time=before)
    coords["time"] = cube["time"].variable._replace(data=times)
    result = xr.DataArray(
        _spread(cube, place == 0), dims=cube.dims, coords=coords.coords, name=cube.name, attrs=cube.attrs
    )
    result.encoding = dict(cube.encoding)
    return with_absent_marked(result, place > 0)


def _absent_after(cube: xr.DataArray, step: float, most: int) -> np.ndarray:
    """How many frames are absent behind each frame, dims `(time,)`; 0 where a gap stays one."""
    seconds = np.diff(cube["time"].values) / np.timedelta64(1, "s")
    sequence = sequence_of(cube)
    steps = np.round(seconds / step).astype(int)
    short = (sequence[1:] == sequence[:-1]) & (steps > 1) & (steps <= most + 1)
    short &= np.abs(seconds - steps * step) <= STEP_TOLERANCE * step
    return np.append(np.where(short, steps - 1, 0), 0)


def _spread(cube: xr.DataArray, present: np.ndarray) -> Any:
    """The cube's frames where they are present, NaN elsewhere; a dask array if the cube is one."""
    dtype = cube.dtype if cube.dtype.kind == "f" else np.result_type(cube.dtype, np.float32)
    shape = (len(present), *cube.shape[1:])
    if cube.chunks is None:
        values = np.full(shape, np.nan, dtype=dtype)
        values[present] = cube.values
        return values
    edges = [0, *(np.flatnonzero(np.diff(present)) + 1).tolist(), len(present)]
    held = np.append(0, np.cumsum(present))
    pieces = [
        cube.data[held[low] : held[high]].astype(dtype)
        if present[low]
        else da.full((high - low, *shape[1:]), np.nan, dtype=dtype, chunks=(1, *cube.chunks[1:]))
        for low, high in pairwise(edges)
    ]
    return da.concatenate(pieces)
