"""A cube on a coarser grid, or on one of another size: means over pixels, without those that are missing."""

from __future__ import annotations

import warnings
from typing import Any

import dask.array as da
import numpy as np
import xarray as xr

from nowcast.cube import label
from nowcast.errors import InputError, NowcastWarning

__all__ = ["coarsened", "resized"]


def coarsened(cube: xr.DataArray, by: int) -> xr.DataArray:
    """Means over blocks of `by x by` pixels; rows and columns that fill no block are cut off at the end, and told.

    Raises
    ------
    InputError
        The field is smaller than a block.
    """
    if by == 1:
        return cube
    rows, columns = cube.sizes["y"] // by, cube.sizes["x"] // by
    if by < 1 or min(rows, columns) < 1:
        raise InputError(
            f"{label(cube)}: --coarsen {by} leaves no pixel", found=f"{cube.sizes['y']} x {cube.sizes['x']} pixels"
        )
    cut = cube.sizes["y"] - rows * by, cube.sizes["x"] - columns * by
    if any(cut):
        message = f"{label(cube)}: --coarsen {by} cuts off the last {cut[0]} row(s) and {cut[1]} column(s)"
        warnings.warn(message, NowcastWarning, stacklevel=2)
    cube = cube.isel(y=slice(0, rows * by), x=slice(0, columns * by))

    def mean(block: np.ndarray) -> np.ndarray:
        tiles = block.reshape(*block.shape[:2], rows, by, columns, by)
        return _mean(tiles, (3, 5))

    return _regridded(cube, mean, (rows, columns), {"coarsened": f"means of {by} x {by} pixels"})


def resized(cube: xr.DataArray, size: tuple[int, int]) -> xr.DataArray:
    """Frames of `size` (rows, columns): means over what a new pixel covers; bilinear where it is the smaller one."""
    if (cube.sizes["y"], cube.sizes["x"]) == size:
        return cube
    along_y, along_x = (_weights(cube.sizes[name], wanted) for name, wanted in zip(("y", "x"), size, strict=True))

    def mean(block: np.ndarray) -> np.ndarray:
        values = block.astype("float64")
        known = np.isfinite(values)
        share = along_y @ known.astype("float64") @ along_x.T
        total = along_y @ np.where(known, values, 0.0) @ along_x.T
        with np.errstate(invalid="ignore", divide="ignore"):
            result: np.ndarray = np.where(share > 0.5, total / share, np.nan).astype("float32")
        return result

    told = {"resized": f"from {cube.sizes['y']} x {cube.sizes['x']} to {size[0]} x {size[1]} pixels"}
    return _regridded(cube, mean, size, told)


def _weights(old: int, new: int) -> np.ndarray:
    """Shares `(new, old)` of old pixels in each new one; rows sum to 1."""
    centre = (np.arange(new) + 0.5) * old / new - 0.5
    reach = max(1.0, old / new)
    if reach > 1.0:  # smaller: the overlap of the two pixels
        left, right = np.arange(new) * old / new, (np.arange(new) + 1) * old / new
        overlap = np.minimum(right[:, None], np.arange(1, old + 1)) - np.maximum(left[:, None], np.arange(old))
        shares = np.clip(overlap, 0.0, None)
    else:  # larger: the two neighbours, the last pixel held at the border
        near = np.clip(centre, 0, old - 1)
        shares = np.clip(1.0 - np.abs(near[:, None] - np.arange(old)), 0.0, None)
    normed: np.ndarray = shares / shares.sum(axis=1, keepdims=True)
    return normed


def _mean(values: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    """The mean of what is known; missing where half of it or less is."""
    known = np.isfinite(values) if values.dtype.kind == "f" else np.ones(values.shape, dtype=bool)
    count = known.sum(axes)
    total = np.where(known, values, 0).sum(axes, dtype="float64")
    block = np.prod([values.shape[axis] for axis in axes])
    with np.errstate(invalid="ignore", divide="ignore"):
        result: np.ndarray = np.where(2 * count > block, total / count, np.nan).astype("float32")
    return result


def _regridded(cube: xr.DataArray, function: Any, size: tuple[int, int], told: dict[str, str]) -> xr.DataArray:
    data = cube.data
    if isinstance(data, da.Array):
        data = data.rechunk({2: -1, 3: -1})
        chunks = (*data.chunks[:2], (size[0],), (size[1],))
        values: Any = data.map_blocks(function, dtype="float32", chunks=chunks, meta=np.empty((0,) * 4, "float32"))
    else:
        values = function(np.asarray(data))
    coords: dict[Any, Any] = {}
    for name, coord in cube.coords.items():
        spatial = [dim for dim in coord.dims if dim in ("y", "x")]
        if not spatial:
            coords[name] = coord.variable
        elif coord.dtype.kind in "iuf" and set(coord.dims) <= {"y", "x"}:
            coords[name] = _coordinate(coord.variable, cube, size)
    return xr.DataArray(values, dims=cube.dims, coords=coords, name=cube.name, attrs={**cube.attrs, **told})


def _coordinate(coord: xr.Variable, cube: xr.DataArray, size: tuple[int, int]) -> xr.Variable:
    """Where the centres of the new pixels are: the coordinate between the centres of the old ones."""
    values = np.asarray(coord.values, dtype="float64")
    turns = coord.attrs.get("standard_name") == "longitude"
    top = 180.0 if np.nanmax(values, initial=0.0) <= 180 else 360.0
    for axis, dim in enumerate(coord.dims):
        old, new = cube.sizes[dim], size[("y", "x").index(str(dim))]
        place = (np.arange(new) + 0.5) * old / new - 0.5
        if old == 1:
            values = np.repeat(values, new, axis=axis)
            continue
        lower = np.clip(np.floor(place).astype(int), 0, old - 2)
        share = np.expand_dims(place - lower, tuple(range(1, coord.ndim - axis)))
        first = np.take(values, lower, axis)
        step = np.take(values, lower + 1, axis) - first
        step = (step + 180) % 360 - 180 if turns else step  # from 179 to -179 it is two degrees
        values = first + share * step
    return xr.Variable(coord.dims, np.where(turns & (values > top), values - 360, values), coord.attrs)
