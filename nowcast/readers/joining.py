"""Cubes of several files as one along time: same variable, units and grid, ordered by time, no time twice."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Hashable, Sequence
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import xarray as xr

from nowcast.cube import check, iso, sequence_of
from nowcast.errors import InputError, NowcastWarning
from nowcast.readers.kinds import equal, name_of, require_one_kind
from nowcast.readers.naming import natural
from nowcast.readers.reopening import reopened
from nowcast.readers.timing import FIRST_FRAME

__all__ = ["apart", "join"]

_PACKING = ("dtype", "scale_factor", "add_offset", "_FillValue", "missing_value", "_Unsigned")


def apart(cubes: Sequence[xr.DataArray]) -> Sequence[xr.DataArray]:
    """Clips, whose times count from their first frame, as sequences named by their files in natural order; other cubes
    as they are. Single frames without times are one series, and no clips.
    """
    counted = [cube["time"].attrs.get("counted_from") == FIRST_FRAME for cube in cubes]
    if len(cubes) == 1 or not any(counted) or all(cube.sizes["time"] == 1 for cube in cubes):
        return cubes
    cubes = sorted(cubes, key=lambda cube: natural(Path(name_of(cube))))
    named = []
    for cube, name in zip(cubes, _names([Path(name_of(cube)) for cube in cubes]), strict=True):
        own = cube["sequence"].values.astype(str).tolist() if "sequence" in cube.coords else None
        labels = [f"{name}/{one}" for one in own] if own else [name] * cube.sizes["time"]
        encoding = cube.encoding
        cube = cube.assign_coords(sequence=("time", np.array(labels, dtype=object)))
        cube.encoding = encoding
        named.append(cube)
    return named


def _names(files: Sequence[Path]) -> list[str]:
    """The shortest kind of name that tells them apart."""
    kinds = (
        [file.stem for file in files],
        [f"{file.parent.name}/{file.stem}" for file in files],
        [f"{file.parent.name}/{file.name}" for file in files],
    )
    return next((names for names in kinds if len(set(names)) == len(names)), list(map(str, files)))


def join(cubes: Sequence[xr.DataArray], again: Callable[[str], xr.DataArray] | None = None) -> xr.DataArray:
    """One lazy cube of them; coordinates of the grid are the first file's, attributes those that are equal in all.

    Parameters
    ----------
    again
        Opens a file, for cubes that were `reopening.let_go`.

    Raises
    ------
    InputError
        Files differ in variable, units, dims, size or grid, or hold the same time; they are named.
    """
    if len(cubes) == 1:
        return cubes[0]
    source = cubes[0].encoding.get("source")
    cubes = sorted(cubes, key=lambda cube: cube["time"].values[0])
    first = cubes[0]
    require_one_kind(cubes)
    _no_time_twice(cubes)
    joined = xr.DataArray(
        da.concatenate([cube.data for cube in cubes], axis=0) if again is None else reopened(cubes, again),
        dims=first.dims,
        coords=_coords(cubes),
        name=first.name,
        attrs=_common([cube.attrs for cube in cubes]),
    )
    packings = [{key: cube.encoding.get(key) for key in _PACKING} for cube in cubes]
    kept = first.encoding if all(equal(packings[0], packing) for packing in packings[1:]) else {}
    joined.encoding = {key: value for key, value in kept.items() if key != "preferred_chunks"} | {"source": source}
    return check(_in_order(joined, cubes))


def _in_order(joined: xr.DataArray, cubes: Sequence[xr.DataArray]) -> xr.DataArray:
    """By time, where files overlap without a time in common; a file that runs backwards is left for `check` to tell."""
    if "sequence" in joined.coords:
        return joined
    order = np.argsort(joined["time"].values, kind="stable")
    if (np.diff(order) == 1).all() or any((np.diff(cube["time"].values) <= np.timedelta64(0)).any() for cube in cubes):
        return joined
    ends = np.array([cube["time"].values[-1] for cube in cubes])
    starts = np.array([cube["time"].values[0] for cube in cubes])
    late = np.flatnonzero(starts[1:] < np.maximum.accumulate(ends)[:-1]) + 1
    before = int(np.argmax(ends[: late[0]]))
    warnings.warn(
        f"{len(late)} of {len(cubes)} files begin before another ends, such as {name_of(cubes[late[0]])} before "
        f"{name_of(cubes[before])}: their frames are taken in the order of time, not of files",
        NowcastWarning,
        stacklevel=2,
    )
    encoding = joined.encoding
    joined = joined.isel(time=order)
    joined.encoding = encoding
    return joined


def _no_time_twice(cubes: Sequence[xr.DataArray]) -> None:
    seen: dict[tuple[Any, Any], xr.DataArray] = {}
    twice: list[tuple[Any, xr.DataArray, xr.DataArray]] = []
    for cube in cubes:
        for frame in zip(sequence_of(cube).tolist(), cube["time"].values.tolist(), strict=True):
            if seen.setdefault(frame, cube) is not cube:
                twice.append((frame[1], seen[frame], cube))
    if not twice:
        return
    when, first, other = twice[0]
    told = f"time {iso(np.datetime64(when, 'ns'))} is also in {name_of(first)}"
    raise InputError(
        f"{name_of(other)}: {told}",
        found=f"{len(twice)} time(s) in two files",
        needed="each time once",
        next_step="leave out one of the two files" + ("" if len(twice) == 1 else ", and so with the others"),
    )


def _coords(cubes: Sequence[xr.DataArray]) -> dict[Hashable, xr.Variable]:
    """The grid's from the first; along time joined; scalars that differ become coordinates along time."""
    first = cubes[0]
    kept: dict[Hashable, xr.Variable] = {}
    for name, coord in first.coords.items():
        if not all(name in cube.coords and cube.coords[name].dims == coord.dims for cube in cubes):
            continue
        parts = [cube.coords[name].variable for cube in cubes]
        attrs = _common([part.attrs for part in parts])
        if "time" in coord.dims:
            axis = coord.dims.index("time")
            lazy = any(isinstance(part.data, da.Array) for part in parts)
            data = [part.data for part in parts]
            kept[name] = xr.Variable(coord.dims, (da if lazy else np).concatenate(data, axis=axis), attrs)
        elif coord.ndim or all(equal(parts[0].values, part.values) for part in parts[1:]):
            kept[name] = parts[0]
        else:
            values = [np.broadcast_to(part.values, cube.sizes["time"]) for part, cube in zip(parts, cubes, strict=True)]
            kept[name] = xr.Variable(("time",), np.concatenate(values), attrs)
    return kept


def _common(attributes: Sequence[dict[Any, Any]]) -> dict[Any, Any]:
    first, *others = attributes
    return {key: val for key, val in first.items() if all(key in o and equal(val, o[key]) for o in others)}
