"""Cubes of several files as one along time: same variable, units and grid, ordered by time, no time twice."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import xarray as xr

from nowcast.cube import check, iso
from nowcast.errors import InputError, NowcastWarning
from nowcast.readers.counting import FIRST_FRAME
from nowcast.readers.joining.kinds import Part, equal, require_one_kind
from nowcast.readers.joining.slimming import stacked
from nowcast.readers.naming import natural

__all__ = ["apart", "join"]

_PACKING = ("dtype", "scale_factor", "add_offset", "_FillValue", "missing_value", "_Unsigned")


def apart(parts: Sequence[Part]) -> Sequence[Part]:
    """Clips, whose times count from their first frame, as sequences named by their files, in natural order; other files
    as they are. Single frames without times are one series, and no clips.
    """
    counted = [part.coords["time"].attrs.get("counted_from") == FIRST_FRAME for part in parts]
    if len(parts) == 1 or not any(counted) or all(part.shape[0] == 1 for part in parts):
        return parts
    parts = sorted(parts, key=lambda part: natural(Path(part.file)))
    named = []
    for part, name in zip(parts, _names([Path(part.file) for part in parts]), strict=True):
        own = part.sequence
        labels = [name] * part.shape[0] if own is None else [f"{name}/{one}" for one in own.astype(str)]
        sequence = xr.Variable(("time",), np.array(labels, dtype=object))
        named.append(replace(part, coords={**part.coords, "sequence": sequence}))
    return named


def _names(files: Sequence[Path]) -> list[str]:
    """The shortest kind of name that tells them apart."""
    kinds = (
        [file.stem for file in files],
        [f"{file.parent.name}/{file.stem}" for file in files],
        [f"{file.parent.name}/{file.name}" for file in files],
    )
    return next((names for names in kinds if len(set(names)) == len(names)), list(map(str, files)))


def join(parts: Sequence[Part]) -> xr.DataArray:
    """One lazy cube of them; coordinates of the grid are the first file's, attributes those that are equal in all.

    Raises
    ------
    InputError
        Files differ in variable, units, dims, size or grid, or hold the same time; they are named.
    """
    source = parts[0].file
    parts = sorted(parts, key=lambda part: part.times[0])
    first = parts[0]
    require_one_kind(parts)
    _no_time_twice(parts)
    data = [part.data for part in parts]
    joined = xr.DataArray(
        stacked(data) if all(part.slim for part in parts) else da.concatenate(data, axis=0),
        dims=first.dims,
        coords=_coords(parts),
        name=first.name,
        attrs=_common([part.attrs for part in parts]),
    )
    packings = [{key: part.encoding.get(key) for key in _PACKING} for part in parts]
    kept = first.encoding if all(equal(packings[0], packing) for packing in packings[1:]) else {}
    joined.encoding = {**kept, "source": source}
    return check(_in_order(joined, parts))


def _in_order(joined: xr.DataArray, parts: Sequence[Part]) -> xr.DataArray:
    """By time, where files overlap without a time in common; a file that runs backwards is left for `check` to tell."""
    if "sequence" in joined.coords:
        return joined
    order = np.argsort(joined["time"].values, kind="stable")
    if (np.diff(order) == 1).all() or any((np.diff(part.times) <= np.timedelta64(0)).any() for part in parts):
        return joined
    starts, ends = (np.array([part.times[end] for part in parts]) for end in (0, -1))
    late = np.flatnonzero(starts[1:] < np.maximum.accumulate(ends)[:-1]) + 1
    before = int(np.argmax(ends[: late[0]]))
    warnings.warn(
        f"{len(late)} of {len(parts)} files begin before another ends, such as {parts[late[0]].file} before "
        f"{parts[before].file}: their frames are taken in the order of time, not of files",
        NowcastWarning,
        stacklevel=2,
    )
    encoding = joined.encoding
    joined = joined.isel(time=order)
    joined.encoding = encoding
    return joined


def _no_time_twice(parts: Sequence[Part]) -> None:
    seen: dict[tuple[Any, Any], Part] = {}
    twice: list[tuple[Any, Part, Part]] = []
    for part in parts:
        times, sequence = part.times.tolist(), part.sequence
        for frame in zip([None] * len(times) if sequence is None else sequence.tolist(), times, strict=True):
            before = seen.setdefault(frame, part)
            if before is not part:
                twice.append((frame[1], before, part))
    if twice:
        when, first, other = twice[0]
        raise InputError(
            f"{other.file}: time {iso(np.datetime64(when, 'ns'))} is also in {first.file}",
            found=f"{len(twice)} time(s) in two files",
            needed="each time once",
            next_step="leave out one of the two files" + ("" if len(twice) == 1 else ", and so with the others"),
        )


def _coords(parts: Sequence[Part]) -> dict[str, xr.Variable]:
    """The grid's from the first; along time joined; scalars that differ become coordinates along time."""
    first = parts[0]
    kept: dict[str, xr.Variable] = {}
    for name, coord in first.coords.items():
        if not all(name in part.coords and part.coords[name].dims == coord.dims for part in parts):
            continue
        theirs = [part.coords[name] for part in parts]
        attrs = _common([each.attrs for each in theirs])
        if "time" in coord.dims:
            axis = coord.dims.index("time")
            lazy = any(isinstance(each.data, da.Array) for each in theirs)
            kept[name] = xr.Variable(
                coord.dims, (da if lazy else np).concatenate([each.data for each in theirs], axis=axis), attrs
            )
        elif coord.ndim or all(each is coord or equal(coord.values, each.values) for each in theirs):
            kept[name] = coord
        else:
            values = [np.broadcast_to(each.values, part.shape[0]) for each, part in zip(theirs, parts, strict=True)]
            kept[name] = xr.Variable(("time",), np.concatenate(values), attrs)
    return kept


def _common(attributes: Sequence[dict[Any, Any]]) -> dict[Any, Any]:
    first, *others = attributes
    return {key: val for key, val in first.items() if all(key in o and equal(val, o[key]) for o in others)}
