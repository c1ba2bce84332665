"""Dask arrays whose chunks are loaded when they are asked for, and whose errors name the file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import dask.array as da
import numpy as np
import xarray as xr

from nowcast.errors import InputError
from nowcast.readers.damage import parsing

if TYPE_CHECKING:
    from nowcast.readers.labelling.packing import Decoding

__all__ = ["AS_STORED", "guarded", "lazily"]

AS_STORED: dict[str, Any] = {
    "chunks": None,
    "cache": False,
    "mask_and_scale": False,
    "decode_times": False,
    "decode_timedelta": False,
    "decode_coords": False,
}
"""Keywords of `xarray.open_dataset` by which nothing is loaded and every number stays as it is stored."""


def lazily(
    path: Path,
    load: Callable[[int, int], np.ndarray],
    *,
    frames: int,
    shape: tuple[int, ...],
    dtype: Any,
    at_once: int = 1,
) -> da.Array:
    """Dims `(frames, *shape)`, loaded `at_once` frames to a chunk; nothing is read before it is computed.

    Parameters
    ----------
    path
        The file, for messages.
    load
        Frames `first, stop` as an array of `(stop - first, *shape)`. It opens the file itself, by path, and can be
        pickled: dask may call it in another process.
    """
    source = _Frames(path, load, frames, shape, np.dtype(dtype))
    chunks = (min(at_once, frames), *shape)
    meta = np.empty((0,) * (1 + len(shape)), dtype)
    array: da.Array = da.from_array(source, chunks=chunks, name=f"frames-{uuid4().hex}", asarray=False, meta=meta)
    return array


def guarded(
    variable: xr.Variable,
    sizes: Mapping[str, int],
    *,
    name: str,
    label: str,
    how: Decoding | None = None,
    behind: object = None,
) -> xr.Variable:
    """The lazy variable as dask chunks of these sizes by dim; an error while one is loaded names the file.

    Parameters
    ----------
    name
        Of the variable.
    label
        The file, for messages.
    how
        To decode each chunk as it is loaded.
    behind
        What is to live as long as the array does.
    """
    source = _Part(variable, label, f"variable {name!r}", how, behind)
    meta = np.empty((0,) * variable.ndim, source.dtype)
    chunks = tuple(sizes[str(dim)] for dim in variable.dims)
    array = da.from_array(source, chunks=chunks, name=f"{name}-{uuid4().hex}", asarray=False, meta=meta)
    told = variable if how is None else how
    return xr.Variable(variable.dims, array, told.attrs, told.encoding)


class _Part:
    """What dask needs of an array: shape, dtype and slicing."""

    def __init__(self, variable: xr.Variable, label: str, part: str, how: Decoding | None, behind: object) -> None:
        self._variable, self._label, self._part, self._behind = variable, label, part, behind
        self._decode = None if how is None else how.decode
        self.shape, self.ndim = variable.shape, variable.ndim
        self.dtype = variable.dtype if how is None else how.dtype

    def __getitem__(self, key: Any) -> np.ndarray:
        with parsing(self._label, part=self._part):
            stored = np.asarray(self._variable[key].values)
            return stored if self._decode is None else self._decode(stored)


class _Frames:
    """What dask needs of an array: shape, dtype and slicing."""

    def __init__(
        self, path: Path, load: Callable[[int, int], np.ndarray], frames: int, shape: tuple[int, ...], dtype: Any
    ) -> None:
        self._path, self._load = path, load
        self.shape, self.dtype = (frames, *shape), dtype
        self.ndim = len(self.shape)

    def __getitem__(self, key: Any) -> np.ndarray:
        along, *within = key if isinstance(key, tuple) else (key,)
        if not isinstance(along, slice):
            one: np.ndarray = self[(slice(along, along + 1), *within)][0]
            return one
        first, stop, stride = along.indices(self.shape[0])
        with parsing(str(self._path)):
            loaded = self._load(first, stop)
        if loaded.shape != (max(0, stop - first), *self.shape[1:]):
            raise InputError(
                f"{self._path}: frames {first} to {stop - 1} are not what the file promised",
                found=f"shape {loaded.shape}",
                needed=f"{(stop - first, *self.shape[1:])}",
                next_step="fetch or write it again, or leave it out",
            )
        part: np.ndarray = loaded[(slice(None, None, stride), *within)]
        return part.astype(self.dtype, copy=False)
