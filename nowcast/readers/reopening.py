"""Frames of many files as one lazy array: each file is let go after a look, and opened again when it is asked for."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any
from uuid import uuid4

import dask.array as da
import numpy as np
import xarray as xr

from nowcast.errors import InputError
from nowcast.readers.damage import parsing
from nowcast.readers.kinds import Part, equal

__all__ = ["let_go", "reopened"]


def let_go(part: Part, first: Part) -> Part:
    """The part without what reads its values, and sharing with `first` whatever is equal."""
    coords = {name: _shared(coord, first.coords.get(name)) for name, coord in part.coords.items()}
    return replace(
        part,
        coords=coords,
        attrs=_interned(part.attrs, first.attrs),
        encoding=_interned(part.encoding, first.encoding),
        data=None,
    )


def reopened(parts: Sequence[Part], again: Callable[[str], xr.DataArray]) -> da.Array:
    """The values of parts that were let go, one after the other along time; `again` opens a file by its name.

    It can be pickled if `again` can: dask may call it in another process.
    """
    source = _Files([part.file for part in parts], [part.shape[0] for part in parts], parts[0], again)
    chunks = (tuple(chain.from_iterable(part.chunks[0] for part in parts)), *parts[0].chunks[1:])
    meta = np.empty((0,) * source.ndim, source.dtype)
    array: da.Array = da.from_array(source, chunks=chunks, name=f"files-{uuid4().hex}", asarray=False, meta=meta)
    return array


class _Files:
    """What dask needs of an array: shape, dtype and slicing."""

    def __init__(self, names: list[str], frames: list[int], first: Part, again: Callable[[str], xr.DataArray]) -> None:
        self._names, self._again = names, again
        self._edges = np.concatenate([[0], np.cumsum(frames)]).tolist()
        self.shape, self.dtype, self.ndim = (self._edges[-1], *first.shape[1:]), first.dtype, len(first.shape)

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
        joined = np.concatenate(parts or [np.empty((0, *self.shape[1:]), self.dtype)[(slice(None), *within)]])
        return joined[::stride].astype(self.dtype, copy=False)

    def _opened(self, number: int) -> xr.DataArray:
        name = self._names[number]
        with parsing(name):
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


def _shared(coord: xr.Variable, first: xr.Variable | None) -> xr.Variable:
    same = (
        first is not None
        and "time" not in first.dims
        and coord.dims == first.dims
        and coord.dtype == first.dtype
        and equal(coord.attrs, first.attrs)
        and equal(coord.values, first.values)
    )
    return first if same and first is not None else coord


def _interned(attrs: dict[Any, Any], first: dict[Any, Any]) -> dict[Any, Any]:
    return {key: first[key] if key in first and equal(first[key], value) else value for key, value in attrs.items()}
