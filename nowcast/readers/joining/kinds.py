"""Whether files are of one kind: one variable in one unit on one grid; where they are not, which kinds there are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import xarray as xr

from nowcast.errors import InputError

__all__ = ["STEP_SHARE", "OtherKindError", "Part", "equal", "require_one_kind"]

STEP_SHARE = 1e-3
"""Coordinates of two files are the same grid when they differ by no more than this share of a grid step."""

MOST_KINDS = 20
LISTED = 8


class OtherKindError(InputError):
    """Files of several kinds: another variable, unit, size or grid."""


@dataclass(slots=True)
class Part:
    """What of the cube of one file is needed to join it with others; plain, for there may be tens of thousands."""

    file: str
    name: str
    dims: tuple[str, ...]
    coords: dict[str, xr.Variable]
    attrs: dict[Any, Any]
    encoding: dict[Any, Any]
    data: da.Array
    slim: bool = False

    @classmethod
    def of(cls, cube: xr.DataArray) -> Part:
        return cls(
            file=str(cube.encoding.get("source", "a file")),
            name=str(cube.name),
            dims=tuple(map(str, cube.dims)),
            coords={str(name): variable for name, variable in cube.coords.variables.items()},
            attrs=dict(cube.attrs),
            encoding=dict(cube.encoding),
            data=cube.data if isinstance(cube.data, da.Array) else da.from_array(cube.data, chunks=-1),
        )

    @property
    def shape(self) -> tuple[int, ...]:
        found: tuple[int, ...] = self.data.shape
        return found

    @property
    def times(self) -> np.ndarray:
        values: np.ndarray = self.coords["time"].values
        return values

    @property
    def sequence(self) -> np.ndarray | None:
        """Of each frame, where the file has several."""
        return self.coords["sequence"].values if "sequence" in self.coords else None


def require_one_kind(parts: Sequence[Part]) -> None:
    """Refuse files that are not frames of one field.

    Raises
    ------
    OtherKindError
        Two differ in variable, units, dims, size, coordinates or projection: of two files, in what they differ; of
        more, a list of the kinds.
    """
    kinds: list[list[Part]] = []
    against_first: OtherKindError | None = None
    for part in parts:
        for members in kinds:
            difference = _difference(members[0], part)
            if difference is None:
                members.append(part)
                break
            against_first = against_first or difference
        else:
            kinds.append([part])
        if len(kinds) > MOST_KINDS:
            break
    if against_first is not None:
        raise against_first if len(parts) == 2 else _listed(parts, sorted(kinds, key=len, reverse=True))


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


def _listed(parts: Sequence[Part], kinds: Sequence[Sequence[Part]]) -> OtherKindError:
    told = [_told(members[0]) for members in kinds]
    differ = [what for what in told[0] if len({each[what] for each in told}) > 1]
    lines = [
        f"{len(members)} file(s) as {members[0].file}: {each['variable']} ({each['units']}), {each['size']}"
        + "".join(f", {each[what]}" for what in ("projection", "extent") if what in differ)
        for members, each in zip(kinds[:LISTED], told, strict=False)
    ]
    more = f"\n{' ' * 10}and {len(kinds) - LISTED} more" if len(kinds) > LISTED else ""
    count = f"over {MOST_KINDS}" if len(kinds) > MOST_KINDS else f"{len(kinds)}"
    step = f"those of one kind: {_glob(kinds[0], parts)}"
    if "variable" in differ:
        step += f"; or --variable {kinds[0][0].name}, if all hold it"
    return OtherKindError(
        f"these {len(parts)} files are of {count} kinds, not one: {', '.join(differ) or 'coordinates'} differ",
        found=("\n" + " " * 10).join(lines) + more,
        needed="one variable in one unit on one grid",
        next_step=step,
    )


def _told(part: Part) -> dict[str, str]:
    mapping = part.coords.get(str(part.attrs.get("grid_mapping", "")))
    ends = {
        axis: part.coords[axis].values.ravel()[[0, -1]]
        for axis in ("y", "x")
        if axis in part.coords and part.coords[axis].dtype.kind in "iuf"
    }
    return {
        "variable": part.name,
        "units": str(part.attrs.get("units", "no units")),
        "size": " x ".join(map(str, part.shape[1:])) + " (channel, y, x)",
        "projection": "no projection" if mapping is None else _projection(mapping.attrs),
        "extent": ", ".join(f"{axis} {first:g} to {last:g}" for axis, (first, last) in ends.items()),
    }


def _projection(attrs: dict[Any, Any]) -> str:
    name = attrs.get("grid_mapping_name", "projection")
    numbers = [f"{key} {value:g}" for key, value in sorted(attrs.items()) if isinstance(value, int | float)]
    return " ".join(map(str, [name, *numbers]))


def _glob(members: Sequence[Part], parts: Sequence[Part]) -> str:
    """A pattern that only these files match, or else in words."""
    ours = [part.file for part in members]
    others = {part.file for part in parts} - set(ours)
    start = _beginning(ours)
    end = _beginning([name[len(start) :][::-1] for name in ours])[::-1]
    pattern = f"{start}*{end}"
    if len(ours) > 1 and "/" not in end and not any(fnmatchcase(name, pattern) for name in others):
        return f"'{pattern}'"
    return f"the {len(ours)} like {Path(ours[0]).name}"


def _beginning(names: Sequence[str]) -> str:
    """What all have in common, letter by letter; of all only the first and the last in order need be compared."""
    first, last = min(names), max(names)
    length = next((place for place, letter in enumerate(first) if letter != last[place]), len(first))
    return first[:length]


def _difference(first: Part, other: Part) -> OtherKindError | None:
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
        if coord.ndim and "time" not in coord.dims and coord is not other.coords.get(name):
            if name not in other.coords or other.coords[name].dims != coord.dims:
                return _unlike(first, other, "other coordinates", name, sorted(other.coords))
            difference = _coordinates(first, other, name)
            if difference is not None:
                return difference
    mapping, theirs = first.attrs.get("grid_mapping"), other.attrs.get("grid_mapping")
    ours = first.coords[mapping].attrs if mapping in first.coords else mapping
    found = other.coords[theirs].attrs if theirs in other.coords else theirs
    if mapping != theirs or not equal(ours, found):
        return _unlike(first, other, "another projection (grid mapping)", ours, found, "reproject one of them")
    return None


def _unlike(
    first: Part, other: Part, what: str, ours: Any, theirs: Any, next_step: str = "open them apart"
) -> OtherKindError:
    return OtherKindError(
        f"{other.file}: {what} than in {first.file}",
        found=str(theirs),
        needed=str(ours),
        next_step=next_step,
    )


def _coordinates(first: Part, other: Part, name: str) -> OtherKindError | None:
    ours, theirs = first.coords[name].values, other.coords[name].values
    if ours.dtype.kind not in "iuf" or theirs.dtype.kind not in "iuf":
        same = np.array_equal(ours, theirs)
        return None if same else _unlike(first, other, f"another coordinate {name!r}", ours, theirs)
    if np.array_equal(ours, theirs):
        return None
    ours, theirs = ours.astype(float), theirs.astype(float)
    apart = np.abs(ours - theirs)
    largest = float(np.nanmax(apart)) if np.isfinite(apart).any() else 0.0
    allowed = STEP_SHARE * _step(ours)
    if largest <= allowed and (np.isnan(ours) == np.isnan(theirs)).all():
        return None
    units = first.coords[name].attrs.get("units", "")
    return OtherKindError(
        f"{other.file}: coordinate {name!r} is not that of {first.file}",
        found=f"up to {largest:.6g} {units} apart".replace("  ", " "),
        needed=f"at most {allowed:.3g} ({STEP_SHARE:g} of a grid step)",
        next_step="open them apart, or bring them to one grid first",
    )


def _step(values: np.ndarray) -> float:
    """The distance of neighbours along the axis where they lie further apart; a part of the value if there are none."""
    steps = [np.nanmedian(np.abs(np.diff(values, axis=axis))) for axis in range(values.ndim) if values.shape[axis] > 1]
    return float(max(steps)) if steps else float(np.nanmax(np.abs(values))) * 1e-3
