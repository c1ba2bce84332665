"""Frames of many files as one lazy array: each file is let go after a look, and opened again when it is asked for."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import Any
from uuid import uuid4

import dask.array as da
import numpy as np
import xarray as xr

from nowcast.errors import InputError
from nowcast.readers.kinds import equal, name_of

__all__ = ["let_go", "reopened"]


def let_go(cube: xr.DataArray, first: xr.DataArray) -> xr.DataArray:
    """The cube without what reads its values, and sharing with `first` whatever is equal; zeros stand for the values.

    How the values were cut is in `encoding["preferred_chunks"]`.
    """
    zeros = np.broadcast_to(np.zeros((), cube.dtype), cube.shape)
    coords = {name: _shared(coord.variable, first.coords.get(name)) for name, coord in cube.coords.items()}
    kept = xr.DataArray(xr.Variable(cube.dims, zeros, _interned(cube.attrs, first.attrs)), coords, name=cube.name)
    chunks = dict(zip(map(str, cube.dims), cube.chunks or ((size,) for size in cube.shape), strict=True))
    kept.encoding = _interned(cube.encoding, first.encoding) | {"preferred_chunks": chunks}
    return kept


def reopened(cubes: Sequence[xr.DataArray], again: Callable[[str], xr.DataArray]) -> da.Array:
    """The values of cubes that were let go, one after the other along time; `again` opens a file by its name.

    It can be pickled, as `again` can: dask may call it in another process.
    """
    source = _Files([name_of(cube) for cube in cubes], [cube.sizes["time"] for cube in cubes], cubes[0], again)
    cut = [cube.encoding["preferred_chunks"] for cube in cubes]
    chunks = (sum((each["time"] for each in cut), ()), *(cut[0][str(dim)] for dim in cubes[0].dims[1:]))
    meta = np.empty((0,) * source.ndim, source.dtype)
    array: da.Array = da.from_array(source, chunks=chunks, name=f"files-{uuid4().hex}", asarray=False, meta=meta)
    return array


class _Files:
    """What dask needs of an array: shape, dtype and slicing."""

    def __init__(
        self, names: list[str], frames: list[int], first: xr.DataArray, again: Callable[[str], xr.DataArray]
    ) -> None:
        self._names, self._again = names, again
        self._edges = np.concatenate([[0], np.cumsum(frames)]).tolist()
        self.shape, self.dtype, self.ndim = (self._edges[-1], *first.shape[1:]), first.dtype, first.ndim

    def __getitem__(self, key: Any) -> np.ndarray:
        along, *within = key if isinstance(key, tuple) else (key,)
        if not isinstance(along, slice):
            one: np.ndarray = self[(slice(along, along + 1), *within)][0]
            return one
        start, stop, stride = along.indices(self.shape[0])
        parts = []
        while start < stop:
            number = bisect_right(self._edges, start) - 1
            low, high = self._edges[number], self._edges[number + 1]
            part = self._opened(number).data[(slice(start - low, min(stop, high) - low), *within)]
            parts.append(part.compute(scheduler="synchronous") if isinstance(part, da.Array) else part)
            start = high
        empty = np.empty(self.shape, self.dtype)[(slice(0, 0), *within)] if not parts else None
        joined = np.concatenate(parts) if empty is None else empty
        return joined[::stride].astype(self.dtype, copy=False)

    def _opened(self, number: int) -> xr.DataArray:
        name = self._names[number]
        cube = self._again(name)
        expected = (self._edges[number + 1] - self._edges[number], *self.shape[1:])
        if cube.shape != expected:
            raise InputError(
                f"{name}: changed since it was first looked at",
                found=f"shape {cube.shape}",
                needed=str(expected),
                next_step="open the files anew",
            )
        return cube


def _shared(variable: xr.Variable, first: xr.DataArray | None) -> xr.Variable:
    same = (
        first is not None
        and "time" not in first.dims
        and variable.dims == first.dims
        and variable.dtype == first.dtype
        and equal(variable.attrs, first.attrs)
        and equal(variable.values, first.values)
    )
    return variable if first is None or not same else first.variable


def _interned(attrs: dict[Any, Any], first: dict[Any, Any]) -> dict[Any, Any]:
    return {key: first[key] if key in first and equal(first[key], value) else value for key, value in attrs.items()}
