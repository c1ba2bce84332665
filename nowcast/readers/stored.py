"""The stored numbers behind a lazy cube, for whoever can work with them as they are: half or a quarter of the bytes.

A cube that is one variable of one store is known by the name of its dask array. Whatever is done to the cube makes
another array with another name: then nothing is known, and values are taken through dask.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any
from weakref import WeakValueDictionary

import dask.array as da
import numpy as np
import xarray as xr

from nowcast.cube import DIMS
from nowcast.readers.damage import parsing

__all__ = ["Stored", "remember", "stored"]


@dataclass(eq=False)
class Stored:
    """A variable as it is stored, and how it becomes values.

    Attributes
    ----------
    dims
        Of the variable, by our names; a dim of `nowcast.cube.DIMS` that it lacks has length one.
    decode
        Stored numbers to values, NaN where missing; None where they are the values.
    frames
        Which stored frame each frame of the cube is, -1 where it is absent; None: they are the same.
    missing
        What an absent frame is filled with: a number that is decoded to NaN.
    """

    variable: xr.Variable
    dims: tuple[str, ...]
    decode: Callable[[np.ndarray], np.ndarray] | None
    label: str
    frames: np.ndarray | None = None
    missing: float = 0.0
    derived: list[Stored] = field(default_factory=list, repr=False)
    """What lives as long as this does."""

    @property
    def dtype(self) -> np.dtype[Any]:
        found: np.dtype[Any] = self.variable.dtype
        return found

    @property
    def sizes(self) -> dict[str, int]:
        """By dim of a cube."""
        held = dict(zip(self.dims, self.variable.shape, strict=True))
        if self.frames is not None:
            held["time"] = len(self.frames)
        return {dim: held.get(dim, 1) for dim in DIMS}

    def chunk_edges(self, dim: str) -> np.ndarray:
        """Where chunks begin along a dim, and where the last one ends."""
        if dim not in self.dims:
            return np.array([0, 1])
        axis = self.dims.index(dim)
        length = self.variable.shape[axis]
        encoding = self.variable.encoding
        chunks = encoding.get("chunks") or encoding.get("chunksizes")
        chunk = chunks[axis] if chunks else 1 if dim == "time" else length
        if dim == "time" and self.frames is not None:
            begun = np.maximum.accumulate(self.frames) // chunk
            return np.array([0, *(np.flatnonzero(np.diff(begun)) + 1), len(begun)])
        return np.append(np.arange(0, length, chunk), length)

    def with_absent(self, frames: np.ndarray) -> Stored | None:
        """The same numbers as a cube has them in which frames are absent; None if nothing stored stands for missing."""
        missing: float | None = None
        if self.dtype.kind == "f":
            missing = np.nan
        elif self.decode is not None and self.dtype.itemsize <= 2:
            codes = np.arange(2 ** (8 * self.dtype.itemsize), dtype=f"u{self.dtype.itemsize}")
            codes = codes.view(self.dtype.newbyteorder("=")).astype(self.dtype)
            lost = codes[np.isnan(self.decode(codes))]
            missing = int(lost[0]) if len(lost) else None
        if missing is None or self.frames is not None or "time" not in self.dims:
            return None
        made = replace(self, frames=frames, missing=missing, derived=[])
        self.derived.append(made)
        return made

    def read(self, time: slice, y: slice, x: slice, out: np.ndarray | None = None) -> np.ndarray:
        """Stored numbers, dims `(time, channel, y, x)`; in `out` where that is given.

        Raises
        ------
        InputError
            The file is damaged, by its name.
        """
        if out is None:
            lengths = {**self.sizes, "time": time.stop - time.start, "y": y.stop - y.start, "x": x.stop - x.start}
            out = np.empty([lengths[dim] for dim in DIMS], self.dtype)
        if self.frames is None:
            self._read(time, y, x, out)
            return out
        which = self.frames[time]
        present = which >= 0
        edges = [0, *(np.flatnonzero(np.diff(present)) + 1).tolist(), len(which)]
        for low, high in pairwise(edges):
            if present[low]:
                self._read(slice(int(which[low]), int(which[high - 1]) + 1), y, x, out[low:high])
            else:
                out[low:high] = self.missing
        return out

    def _read(self, time: slice, y: slice, x: slice, out: np.ndarray) -> None:
        wanted = {"time": time, "y": y, "x": x}
        key = tuple(wanted.get(dim, slice(None) if dim in DIMS else 0) for dim in self.dims)
        held = [dim for dim in self.dims if dim in DIMS]
        lacking = tuple(0 if dim not in held else slice(None) for dim in DIMS)
        along = [dim for dim in DIMS if dim in held]
        view = out[lacking].transpose([along.index(dim) for dim in held])
        array = self.variable.encoding.get("stored")
        with parsing(self.label):
            if array is None:
                view[...] = np.asarray(self.variable[key].values)
            else:
                _fill(array, key, view)


def _fill(array: Any, key: tuple[Any, ...], view: np.ndarray) -> None:
    from zarr.buffer.cpu import NDBuffer  # loads zarr

    memory: Any = view
    array.get_basic_selection(key, out=NDBuffer.from_ndarray_like(memory))


_known: WeakValueDictionary[str, Stored] = WeakValueDictionary()


def remember(cube: xr.DataArray, found: Stored) -> None:
    """Let `found` be known as what a cube is stored as, for as long as somebody else holds it."""
    _known[cube.data.name] = found


def stored(cube: xr.DataArray) -> Stored | None:
    """What a cube, dims `(time, channel, y, x)`, is stored as; None where it is more than a variable of one store."""
    found = _known.get(cube.data.name) if isinstance(cube.data, da.Array) else None
    return found if found is not None and cube.dims == DIMS else None
