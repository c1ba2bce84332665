"""Whether files are of one kind: one variable in one unit on one grid; where they are not, which kinds there are."""

from __future__ import annotations

import os.path
from collections.abc import Hashable, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from nowcast.errors import InputError

__all__ = ["STEP_SHARE", "equal", "name_of", "require_one_kind"]

STEP_SHARE = 1e-3
"""Coordinates of two files are the same grid when they differ by no more than this share of a grid step."""

MOST_KINDS = 20
LISTED = 8


def require_one_kind(cubes: Sequence[xr.DataArray]) -> None:
    """Refuse cubes that are not frames of one field.

    Raises
    ------
    InputError
        Two differ in variable, units, dims, size, coordinates or projection: of two files, in what they differ; of
        more, a list of the kinds.
    """
    kinds: list[list[xr.DataArray]] = []
    against_first: InputError | None = None
    for cube in cubes:
        for members in kinds:
            difference = _difference(members[0], cube)
            if difference is None:
                members.append(cube)
                break
            against_first = against_first or difference
        else:
            kinds.append([cube])
        if len(kinds) > MOST_KINDS:
            break
    if against_first is None:
        return
    raise against_first if len(cubes) == 2 else _listed(cubes, sorted(kinds, key=len, reverse=True))


def name_of(cube: xr.DataArray) -> str:
    """The file that a cube came from."""
    return str(cube.encoding.get("source", "a file"))


def equal(one: Any, two: Any) -> bool:
    """Whether values of attributes or coordinates are the same."""
    if one is two:
        return True
    if isinstance(one, dict) and isinstance(two, dict):
        return one.keys() == two.keys() and all(equal(value, two[key]) for key, value in one.items())
    if isinstance(one, str) and isinstance(two, str):
        return one == two
    one, two = np.asarray(one), np.asarray(two)
    if one.shape != two.shape:
        return False
    floats = one.dtype.kind in "fc" and two.dtype.kind in "fc"
    return bool(np.array_equal(one, two, equal_nan=floats))


def _listed(cubes: Sequence[xr.DataArray], kinds: Sequence[Sequence[xr.DataArray]]) -> InputError:
    told = [_told(members[0]) for members in kinds]
    differ = [what for what in told[0] if len({each[what] for each in told}) > 1]
    lines = [
        f"{len(members)} file(s) as {name_of(members[0])}: "
        f"{each['variable']} ({each['units']}), {each['size']}"
        + "".join(f", {each[what]}" for what in ("projection", "extent") if what in differ)
        for members, each in zip(kinds[:LISTED], told, strict=False)
    ]
    more = f"\n{' ' * 10}and {len(kinds) - LISTED} more" if len(kinds) > LISTED else ""
    beyond = "over " if len(kinds) > MOST_KINDS else ""
    count = f"{beyond}{min(len(kinds), MOST_KINDS)}"
    steps = [f"those of one kind: {_glob(kinds[0], cubes)}"]
    if "variable" in differ:
        steps.append(f"--variable {kinds[0][0].name}, if all hold it")
    return InputError(
        f"these {len(cubes)} files are of {count} kinds, not one: {', '.join(differ) or 'coordinates'} differ",
        found=("\n" + " " * 10).join(lines) + more,
        needed="one variable in one unit on one grid",
        next_step="; or ".join(steps),
    )


def _told(cube: xr.DataArray) -> dict[str, str]:
    mapping = cube.coords.get(cube.attrs.get("grid_mapping", ""))
    edges = [
        f"{axis} {cube[axis].values.flat[0]:g} to {cube[axis].values.flat[-1]:g}"
        for axis in ("y", "x")
        if axis in cube.coords and cube[axis].dtype.kind in "iuf"
    ]
    return {
        "variable": str(cube.name),
        "units": str(cube.attrs.get("units", "no units")),
        "size": " x ".join(map(str, cube.shape[1:])) + " (channel, y, x)",
        "projection": "no projection" if mapping is None else _projection(mapping.attrs),
        "extent": " ".join(edges),
    }


def _projection(attrs: dict[Any, Any]) -> str:
    name = attrs.get("grid_mapping_name", "projection")
    numbers = [f"{key} {value:g}" for key, value in sorted(attrs.items()) if isinstance(value, int | float)]
    return " ".join(map(str, [name, *numbers]))


def _glob(members: Sequence[xr.DataArray], cubes: Sequence[xr.DataArray]) -> str:
    """A pattern that only these files match, or else in words."""
    ours = [name_of(cube) for cube in members]
    names = {name_of(cube) for cube in cubes} - set(ours)
    start = os.path.commonprefix(ours)
    end = os.path.commonprefix([name[len(start) :][::-1] for name in ours])[::-1]
    pattern = f"{start}*{end}"
    if len(ours) > 1 and "/" not in end and not any(fnmatchcase(name, pattern) for name in names):
        return f"'{pattern}'"
    return f"the {len(ours)} like {Path(ours[0]).name}"


def _difference(first: xr.DataArray, other: xr.DataArray) -> InputError | None:
    """What keeps two files from being one cube, naming both; None if nothing does."""
    units = first.attrs.get("units"), other.attrs.get("units")
    names = first.attrs.get("source_dims"), other.attrs.get("source_dims")
    if first.name != other.name:
        return _unlike(first, other, "another variable", first.name, other.name, f"--variable {first.name}")
    if units[0] != units[1]:
        what = f"other units of {first.name!r}"
        step = "convert one of them, or open them apart"
        return _unlike(first, other, what, f"units {units[0]!r}", f"units {units[1]!r}", step)
    if names[0] != names[1]:
        return _unlike(first, other, "other dims", names[0], names[1])
    if first.shape[1:] != other.shape[1:]:
        return _unlike(first, other, "another size (channel, y, x)", first.shape[1:], other.shape[1:])
    for name, coord in first.coords.items():
        if coord.ndim and "time" not in coord.dims:
            if name not in other.coords or other.coords[name].dims != coord.dims:
                return _unlike(first, other, "other coordinates", name, sorted(map(str, other.coords)))
            difference = _coordinates(first, other, name)
            if difference is not None:
                return difference
    mapping, theirs = first.attrs.get("grid_mapping"), other.attrs.get("grid_mapping")
    if mapping != theirs or (mapping in first.coords and not equal(first[mapping].attrs, other[theirs].attrs)):
        ours = first[mapping].attrs if mapping in first.coords else mapping
        found = other[theirs].attrs if theirs in other.coords else theirs
        return _unlike(first, other, "another projection (grid mapping)", ours, found, "reproject one of them")
    return None


def _unlike(
    first: xr.DataArray, other: xr.DataArray, what: str, ours: Any, theirs: Any, next_step: str = "open them apart"
) -> InputError:
    return InputError(
        f"{name_of(other)}: {what} than in {name_of(first)}",
        found=str(theirs),
        needed=str(ours),
        next_step=next_step,
    )


def _coordinates(first: xr.DataArray, other: xr.DataArray, name: Hashable) -> InputError | None:
    ours, theirs = first.coords[name].values, other.coords[name].values
    if ours is theirs:
        return None
    if ours.dtype.kind not in "iuf" or theirs.dtype.kind not in "iuf":
        return None if np.array_equal(ours, theirs) else _unlike(first, other, f"another coordinate {name!r}", ours, theirs)
    ours, theirs = ours.astype(float), theirs.astype(float)
    apart = np.abs(ours - theirs)
    largest = float(np.nanmax(apart)) if np.isfinite(apart).any() else 0.0
    allowed = STEP_SHARE * _step(ours)
    if largest <= allowed and (np.isnan(ours) == np.isnan(theirs)).all():
        return None
    units = first.coords[name].attrs.get("units", "")
    return InputError(
        f"{name_of(other)}: coordinate {name!r} is not that of {name_of(first)}",
        found=f"up to {largest:.6g} {units} apart".replace("  ", " "),
        needed=f"at most {allowed:.3g} ({STEP_SHARE:g} of a grid step)",
        next_step="open them apart, or bring them to one grid first",
    )


def _step(values: np.ndarray) -> float:
    """The distance of neighbours along the axis where they lie further apart; a part of the value if there are none."""
    steps = [
        np.nanmedian(np.abs(np.diff(values, axis=axis))) for axis in range(values.ndim) if values.shape[axis] > 1
    ]
    return float(max(steps)) if steps else float(np.nanmax(np.abs(values))) * 1e-3
