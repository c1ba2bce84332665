"""Cubes of several files as one along time: same variable, units and grid, ordered by time, no time twice."""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import xarray as xr

from nowcast.cube import check, iso, sequence_of
from nowcast.errors import InputError
from nowcast.readers.timing import FIRST_FRAME

__all__ = ["STEP_SHARE", "apart", "join", "series_numbers"]

STEP_SHARE = 1e-3
"""Coordinates of two files are the same grid when they differ by no more than this share of a grid step."""

_KINDS = ("variable", "units", "size (channel, y, x)", "projection")
_PACKING = ("dtype", "scale_factor", "add_offset", "_FillValue", "missing_value", "_Unsigned")


def series_numbers(files: Sequence[Path]) -> list[int | None]:
    """Which frame of a series each file is, by the last number in its name, from 0; by its place where names do not
    count; None for a file alone.

    Raises
    ------
    InputError
        Never: numbers that repeat do not count.
    """
    if len(files) == 1:
        return [None]
    found = [re.match(r"(.*?)(\d+)(\D*)$", file.stem) for file in files]
    stems = {(file.parent, match[1], match[3]) for file, match in zip(files, found, strict=True) if match}
    numbers = [int(match[2]) for match in found if match]
    if len(stems) != 1 or len(set(numbers)) != len(files) or max(numbers) - min(numbers) > 100 * len(files):
        return list(range(len(files)))
    return [number - min(numbers) for number in numbers]


def apart(cubes: Sequence[xr.DataArray]) -> Sequence[xr.DataArray]:
    """Clips, whose times count from their first frame, as sequences named by their files; other cubes as they are."""
    counted = [cube["time"].attrs.get("counted_from") == FIRST_FRAME for cube in cubes]
    if len(cubes) == 1 or not any(counted) or all(cube.sizes["time"] == 1 for cube in cubes):
        return cubes
    files = [Path(_name(cube)) for cube in cubes]
    names = [file.stem for file in files]
    if len(set(names)) < len(names):
        names = [f"{file.parent.name}/{file.stem}" for file in files]
    named = []
    for cube, name in zip(cubes, names, strict=True):
        own = cube["sequence"].values.astype(str).tolist() if "sequence" in cube.coords else None
        labels = [f"{name}/{one}" for one in own] if own else [name] * cube.sizes["time"]
        encoding = cube.encoding
        cube = cube.assign_coords(sequence=("time", np.array(labels, dtype=object)))
        cube.encoding = encoding
        named.append(cube)
    return named


def join(cubes: Sequence[xr.DataArray]) -> xr.DataArray:
    """One lazy cube of them; coordinates of the grid are the first file's, attributes those that are equal in all.

    Raises
    ------
    InputError
        Two files differ in variable, units, dims, size or grid, or hold the same time; both are named.
    """
    if len(cubes) == 1:
        return cubes[0]
    source = cubes[0].encoding.get("source")
    cubes = sorted(cubes, key=lambda cube: cube["time"].values[0])
    first = cubes[0]
    _one_group(cubes)
    for other in cubes[1:]:
        _same(first, other)
    _no_time_twice(cubes)
    joined = xr.DataArray(
        da.concatenate([cube.data for cube in cubes], axis=0),
        dims=first.dims,
        coords=_coords(cubes),
        name=first.name,
        attrs=_common([cube.attrs for cube in cubes]),
    )
    packings = [{key: cube.encoding.get(key) for key in _PACKING} for cube in cubes]
    kept = first.encoding if all(_equal(packings[0], packing) for packing in packings[1:]) else {}
    joined.encoding = {**kept, "source": source}
    if "sequence" not in joined.coords:
        order = np.argsort(joined["time"].values, kind="stable")
        if (np.diff(order) != 1).any() and all(
            (np.diff(cube["time"].values) > np.timedelta64(0)).all() for cube in cubes
        ):
            encoding = joined.encoding
            joined = joined.isel(time=order)
            joined.encoding = encoding
    return check(joined)


def _one_group(cubes: Sequence[xr.DataArray]) -> None:
    """Refuse files of several kinds with a list of the kinds; two files are compared by name further on."""
    groups: dict[tuple[str, ...], list[xr.DataArray]] = {}
    for cube in cubes:
        mapping = cube.coords.get(cube.attrs.get("grid_mapping", ""))
        kind = (
            str(cube.name),
            str(cube.attrs.get("units")),
            " x ".join(map(str, cube.shape[1:])),
            "" if mapping is None else str(mapping.attrs.get("grid_mapping_name", "")),
        )
        groups.setdefault(kind, []).append(cube)
    if len(groups) == 1 or len(cubes) == 2:
        return
    kinds = sorted(groups.items(), key=lambda item: -len(item[1]))
    lines = [
        f"{len(members)} file(s) as {_name(members[0])}: {name} ({units}), {size}{', ' + crs if crs else ''}"
        for (name, units, size, crs), members in kinds[:8]
    ]
    differ = [what for what, column in zip(_KINDS, zip(*groups, strict=True), strict=True) if len(set(column)) > 1]
    raise InputError(
        f"these {len(cubes)} files are of {len(groups)} kinds, not one: {', '.join(differ)} differ",
        found=("\n" + " " * 10).join(lines),
        needed="one variable in one unit on one grid",
        next_step=f"give those of one kind, such as the {len(kinds[0][1])} like {Path(_name(kinds[0][1][0])).name}"
        + (f", or --variable {kinds[0][0][0]}" if "variable" in differ else ""),
    )


def _name(cube: xr.DataArray) -> str:
    return str(cube.encoding.get("source", "a file"))


def _differ(first: xr.DataArray, other: xr.DataArray, what: str, ours: Any, theirs: Any, next_step: str) -> InputError:
    return InputError(
        f"{_name(other)}: {what} than in {_name(first)}",
        found=str(theirs),
        needed=str(ours),
        next_step=next_step,
    )


def _same(first: xr.DataArray, other: xr.DataArray) -> None:
    if first.name != other.name:
        raise _differ(first, other, "another variable", first.name, other.name, f"--variable {first.name}")
    units = first.attrs.get("units"), other.attrs.get("units")
    if units[0] != units[1]:
        step = "convert one of them, or open them apart"
        raise _differ(
            first, other, f"other units of {first.name!r}", f"units {units[0]!r}", f"units {units[1]!r}", step
        )
    names = first.attrs.get("source_dims"), other.attrs.get("source_dims")
    if names[0] != names[1]:
        raise _differ(first, other, "other dims", names[0], names[1], "open them apart")
    if first.shape[1:] != other.shape[1:]:
        raise _differ(first, other, "another size (channel, y, x)", first.shape[1:], other.shape[1:], "open them apart")
    for name, coord in first.coords.items():
        if coord.ndim and "time" not in coord.dims:
            if name not in other.coords or other.coords[name].dims != coord.dims:
                raise _differ(
                    first, other, "other coordinates", name, sorted(map(str, other.coords)), "open them apart"
                )
            _same_coordinate(first, other, name)
    mapping = first.attrs.get("grid_mapping")
    theirs = other.attrs.get("grid_mapping")
    if mapping != theirs or (mapping in first.coords and not _equal(first[mapping].attrs, other[theirs].attrs)):
        ours = first[mapping].attrs if mapping in first.coords else mapping
        found = other[theirs].attrs if theirs in other.coords else theirs
        raise _differ(first, other, "another projection (grid mapping)", ours, found, "reproject one of them")


def _same_coordinate(first: xr.DataArray, other: xr.DataArray, name: Hashable) -> None:
    ours, theirs = first.coords[name].values, other.coords[name].values
    if ours.dtype.kind not in "iuf" or theirs.dtype.kind not in "iuf":
        if not np.array_equal(ours, theirs):
            raise _differ(first, other, f"another coordinate {name!r}", ours, theirs, "open them apart")
        return
    apart = np.abs(ours.astype(float) - theirs.astype(float))
    largest = float(np.nanmax(apart)) if np.isfinite(apart).any() else 0.0
    unlike = bool((np.isnan(ours.astype(float)) != np.isnan(theirs.astype(float))).any())
    allowed = STEP_SHARE * _step(ours)
    if unlike or largest > allowed:
        units = first.coords[name].attrs.get("units", "")
        raise InputError(
            f"{_name(other)}: coordinate {name!r} is not that of {_name(first)}",
            found=f"up to {largest:.6g} {units} apart".replace("  ", " "),
            needed=f"at most {allowed:.3g} ({STEP_SHARE:g} of a grid step)",
            next_step="open them apart, or bring them to one grid first",
        )


def _step(values: np.ndarray) -> float:
    """The distance of neighbours along the axis where they lie further apart; a part of the value if there are none."""
    steps = [
        np.nanmedian(np.abs(np.diff(values.astype(float), axis=axis)))
        for axis in range(values.ndim)
        if values.shape[axis] > 1
    ]
    return float(max(steps)) if steps else float(np.nanmax(np.abs(values.astype(float)))) * 1e-3


def _no_time_twice(cubes: Sequence[xr.DataArray]) -> None:
    seen: dict[tuple[Any, Any], xr.DataArray] = {}
    for cube in cubes:
        own = zip(sequence_of(cube).tolist(), cube["time"].values.tolist(), strict=True)
        for frame in list(own):
            if frame in seen and seen[frame] is not cube:
                when = iso(np.datetime64(frame[1], "ns"))
                raise InputError(
                    f"{_name(cube)}: time {when} is also in {_name(seen[frame])}",
                    needed="each time once",
                    next_step="leave out one of the two files",
                )
            seen[frame] = cube


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
        elif coord.ndim or all(_equal(parts[0].values, part.values) for part in parts[1:]):
            kept[name] = parts[0]
        else:
            values = [np.broadcast_to(part.values, cube.sizes["time"]) for part, cube in zip(parts, cubes, strict=True)]
            kept[name] = xr.Variable(("time",), np.concatenate(values), attrs)
    return kept


def _common(attributes: Sequence[dict[Any, Any]]) -> dict[Any, Any]:
    first, *others = attributes
    return {key: val for key, val in first.items() if all(key in o and _equal(val, o[key]) for o in others)}


def _equal(one: Any, two: Any) -> bool:
    if isinstance(one, dict) and isinstance(two, dict):
        return one.keys() == two.keys() and all(_equal(value, two[key]) for key, value in one.items())
    one, two = np.asarray(one), np.asarray(two)
    if one.shape != two.shape:
        return False
    floats = one.dtype.kind in "fc" and two.dtype.kind in "fc"
    return bool(np.array_equal(one, two, equal_nan=floats))
