"""What windows are read from: a store's packed integers as they are, where they can stay so, or scaled values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import dask.array as da
import numpy as np
import xarray as xr

from nowcast.cube import iso, label
from nowcast.readers import reading
from nowcast.readers.stored import Stored, stored
from nowcast.scaling import Scaler
from nowcast.windows import ChunkEdges

__all__ = ["Codes", "Scaled", "Source", "load", "source_of"]

SLAB_BYTES = 2**23
"""About so much is read and scaled at a time, in whole chunks along time, so that little is held beside the result."""

CODE_TYPES = ("u1", "i1", "u2", "i2")


class Source(Protocol):
    """Numbers of a cube by region; it can be pickled, to be read in another process."""

    channels: int
    dtype: np.dtype[Any]
    edges: ChunkEdges
    table: np.ndarray | None
    """What each code stands for (see `nowcast.tensors.batches.Preparation`); None where numbers are scaled values."""

    def read(self, time: slice, y: slice, x: slice) -> np.ndarray:
        """The numbers of a region, dims `(time, channel, y, x)`; not to be written to.

        Raises
        ------
        InputError
            A file that cannot be read, named with its times.
        """
        ...


def source_of(cube: xr.DataArray, scaler: Scaler, *, packed: bool = True) -> Source:
    """How the windows of a cube are read.

    Parameters
    ----------
    cube
        Dims `(time, channel, y, x)`.
    packed
        Whether integers of up to 16 bits may stay as they are stored.
    """
    found = stored(cube)
    dtype = cube.dtype if found is None else found.dtype
    plain = found is not None or isinstance(cube.data, np.ndarray)
    if packed and plain and dtype.newbyteorder("=").str[1:] in CODE_TYPES:
        return Codes(cube.data if found is None else found, scaler)
    return Scaled(cube, scaler, found)


class Codes:
    """Integers of 8 or 16 bits as they are stored; those of 16 bits are given as int16, whatever their sign."""

    def __init__(self, numbers: Stored | np.ndarray, scaler: Scaler) -> None:
        self._numbers = numbers
        native = numbers.dtype.newbyteorder("=")
        bits = np.arange(2 ** (8 * native.itemsize), dtype=f"u{native.itemsize}")
        codes = bits.view(native).astype(numbers.dtype)
        decode = numbers.decode if isinstance(numbers, Stored) else None
        scaled = scaler.apply(codes if decode is None else decode(codes))
        self.table: np.ndarray | None = np.where(np.isfinite(scaled), scaled, np.float32(np.nan))
        self.dtype = np.dtype("u1" if native.itemsize == 1 else "i2")
        self._native = native
        if isinstance(numbers, Stored):
            self.edges = _edges(numbers)
            self.channels = numbers.sizes["channel"]
        else:
            self.edges = _all_edges(numbers.shape)
            self.channels = numbers.shape[1]

    def read(self, time: slice, y: slice, x: slice) -> np.ndarray:
        if isinstance(self._numbers, np.ndarray):
            return self._numbers[time, :, y, x].astype(self._native, copy=False).view(self.dtype)
        out = np.empty((time.stop - time.start, self.channels, y.stop - y.start, x.stop - x.start), self._native)
        for part in _slabs(time, self.edges[0], out[0].nbytes):
            self._numbers.read(part, y, x, out[part.start - time.start : part.stop - time.start])
        return out.view(self.dtype)


@dataclass
class Scaled:
    """Scaled values, float32, NaN where missing: of any cube, whatever was done to it."""

    cube: xr.DataArray
    scaler: Scaler
    found: Stored | None = None
    table: np.ndarray | None = None

    def __post_init__(self) -> None:
        self.dtype = np.dtype("float32")
        self.channels = self.cube.sizes["channel"]
        if self.found is not None:
            self.edges = _edges(self.found)
        elif isinstance(self.cube.data, da.Array):
            times, ys, xs = (np.cumsum((0, *self.cube.chunksizes[dim])) for dim in ("time", "y", "x"))
            self.edges = times, ys, xs
        else:
            self.edges = _all_edges(self.cube.shape)

    def read(self, time: slice, y: slice, x: slice) -> np.ndarray:
        out = _empty(self, time, y, x)
        for part in _slabs(time, self.edges[0], out[0].nbytes):
            if self.found is None:
                values = load(self.cube.isel(time=part, y=y, x=x))
            else:
                values = self.found.read(part, y, x)
                values = values if self.found.decode is None else self.found.decode(values)
            out[part.start - time.start : part.stop - time.start] = self.scaler.apply(values)
        return out


def load(cube: xr.DataArray) -> np.ndarray:
    """The values of a cube, dims as they are.

    Raises
    ------
    InputError
        A file that cannot be read, named with its times.
    """
    times = cube["time"].values
    span = f"{label(cube)}, {iso(times[0])} to {iso(times[-1])}"
    with reading(span):
        values: np.ndarray = np.asarray(cube.data)
    return values


def _empty(source: Source, time: slice, y: slice, x: slice) -> np.ndarray:
    return np.empty((time.stop - time.start, source.channels, y.stop - y.start, x.stop - x.start), source.dtype)


def _edges(found: Stored) -> ChunkEdges:
    return found.chunk_edges("time"), found.chunk_edges("y"), found.chunk_edges("x")


def _all_edges(shape: tuple[int, ...]) -> ChunkEdges:
    """Of an array in memory: nothing is decoded, so every frame and pixel may stand alone."""
    return np.arange(shape[0] + 1), np.arange(shape[2] + 1), np.arange(shape[3] + 1)


def _slabs(time: slice, edges: np.ndarray, frame_bytes: int) -> list[slice]:
    """The stretches of whole chunks that a stretch of time is read in."""
    parts, low = [], time.start
    for edge in [*edges[(edges > time.start) & (edges < time.stop)].tolist(), time.stop]:
        if edge == time.stop or (edge - low) * frame_bytes >= SLAB_BYTES:
            parts.append(slice(low, edge))
            low = edge
    return parts
