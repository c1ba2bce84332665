"""Thousands of files as one lazy array that holds little more of each than how to load it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate, chain
from typing import Any
from uuid import uuid4

import dask
import dask.array as da
import numpy as np
import xarray as xr

from nowcast.readers.joining.kinds import Part, equal

__all__ = ["slim", "stacked"]


def slim(part: Part, first: Part) -> Part:
    """The part with its graph of tasks as short as can be, and sharing with `first` whatever is equal."""
    return replace(
        part,
        coords={name: _shared(coord, first.coords.get(name)) for name, coord in part.coords.items()},
        attrs=_interned(part.attrs, first.attrs),
        encoding=_interned(part.encoding, first.encoding),
        data=dask.optimize(part.data)[0],
        slim=True,
    )


def stacked(arrays: Sequence[da.Array]) -> da.Array:
    """As `da.concatenate` along the first axis, with one layer of tasks however many arrays there are."""
    source = _Stack(arrays)
    chunks = (tuple(chain.from_iterable(array.chunks[0] for array in arrays)), *arrays[0].chunks[1:])
    meta = np.empty((0,) * source.ndim, source.dtype)
    array: da.Array = da.from_array(source, chunks=chunks, name=f"files-{uuid4().hex}", asarray=False, meta=meta)
    return array


class _Stack:
    """What dask needs of an array: shape, dtype and slicing."""

    def __init__(self, arrays: Sequence[da.Array]) -> None:
        self._arrays = list(arrays)
        self._edges = list(accumulate((len(array) for array in arrays), initial=0))
        self.shape, self.ndim = (self._edges[-1], *arrays[0].shape[1:]), arrays[0].ndim
        self.dtype = np.result_type(*{array.dtype for array in arrays})

    def __getitem__(self, key: Any) -> np.ndarray:
        along, *within = key if isinstance(key, tuple) else (key,)
        if not isinstance(along, slice):
            one: np.ndarray = self[(slice(along, along + 1), *within)][0]
            return one
        start, stop, stride = along.indices(self.shape[0])
        parts = [np.empty((0, *self.shape[1:]), self.dtype)[(slice(None), *within)]]
        while start < stop:
            number = bisect_right(self._edges, start) - 1
            low, high = self._edges[number], self._edges[number + 1]
            part = self._arrays[number][(slice(start - low, min(stop, high) - low), *within)]
            parts.append(part.compute(scheduler="synchronous"))
            start = high
        joined = np.concatenate(parts) if len(parts) > 2 else parts[-1]
        return joined[::stride].astype(self.dtype, copy=False)


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
