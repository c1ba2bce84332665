"""The stored numbers behind a lazy cube, for whoever can work with them as they are: half or a quarter of the bytes.

A cube that is one variable of one store is known by the name of its dask array. Whatever is done to the cube makes
another array with another name: then nothing is known, and values are taken through dask.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
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
    chunks
        Of the store, by dim; what it is read and decoded in.
    """

    variable: xr.Variable
    dims: tuple[str, ...]
    decode: Callable[[np.ndarray], np.ndarray] | None
    label: str

    @property
    def dtype(self) -> np.dtype[Any]:
        found: np.dtype[Any] = self.variable.dtype
        return found

    @property
    def sizes(self) -> dict[str, int]:
        """By dim of a cube."""
        held = dict(zip(self.dims, self.variable.shape, strict=True))
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
        return np.append(np.arange(0, length, chunk), length)

    def read(self, time: slice, y: slice, x: slice) -> np.ndarray:
        """Stored numbers, dims `(time, channel, y, x)`.

        Raises
        ------
        InputError
            The file is damaged, by its name.
        """
        wanted = {"time": time, "y": y, "x": x}
        key = tuple(wanted.get(dim, slice(None) if dim in DIMS else 0) for dim in self.dims)
        with parsing(self.label):
            values = np.asarray(self.variable[key].values)
        held = [dim for dim in self.dims if dim in DIMS]
        values = values.transpose([held.index(dim) for dim in DIMS if dim in held])
        return np.expand_dims(values, [axis for axis, dim in enumerate(DIMS) if dim not in self.dims])


_known: WeakValueDictionary[str, Stored] = WeakValueDictionary()


def remember(cube: xr.DataArray, found: Stored) -> None:
    """Let `found` be known as what a cube is stored as, for as long as somebody else holds it."""
    _known[cube.data.name] = found


def stored(cube: xr.DataArray) -> Stored | None:
    """What a cube, dims `(time, channel, y, x)`, is stored as; None where it is more than a variable of one store."""
    found = _known.get(cube.data.name) if isinstance(cube.data, da.Array) else None
    return found if found is not None and cube.dims == DIMS else None
