"""The field of a dataset with its axes named, its numbers decoded and its coordinates: a cube."""

from __future__ import annotations

from math import ceil, prod
from typing import Any

import xarray as xr

from nowcast.cube import DATASET_PREFIX, DIMS, check, with_source_dims
from nowcast.errors import InputError
from nowcast.readers.labelling.axes import meanings
from nowcast.readers.labelling.channels import select_extra
from nowcast.readers.labelling.dating import stated, timed
from nowcast.readers.labelling.fields import REFERENCES, Field, pick, shown_dims, words
from nowcast.readers.labelling.packing import decoding, unpack
from nowcast.readers.labelling.timing import decoded, has_times
from nowcast.readers.lazy import guarded
from nowcast.readers.naming import Place
from nowcast.readers.options import Options
from nowcast.readers.stored import Stored, remember

__all__ = ["as_cube", "labelled"]

CHUNK_BYTES = 64 * 2**20
"""Where the store has no chunks, a chunk is as many whole frames as this holds."""

MOST_CHUNKS = 20_000
"""Where the store has more, a dask chunk is several of them, up to `CHUNK_BYTES`."""

_BOOKKEEPING = ("coordinates", "nowcast_chunks", "nowcast_checksum")


def as_cube(dataset: xr.Dataset, label: str, options: Options, *, place: Place | None = None) -> xr.DataArray:
    """The cube of one file, dims `(time, channel, y, x)`, lazy.

    Parameters
    ----------
    place
        Which frame of a series of files it is, for a frame that nothing else gives a time.

    Raises
    ------
    InputError
        No variable, several, or an unknown one; no times; an axis too many; a forecast.
    """
    field = pick(dataset, label, options.variable)
    if {"lead_time", "forecast_reference_time"} & set(field.roles.values()):
        raise InputError(
            f"{label}: variable {field.name!r} is a forecast, not a cube of observed frames",
            found=f"dims {shown_dims(dataset, field.name)}",
            needed="one time axis, y and x",
            next_step="open it with nowcast.open_forecast(path); to score it: nowcast evaluate FORECAST PATH…",
        )
    array, behind = labelled(dataset, field, label)
    sizes = dict(array.sizes)
    array, names = select_extra(array, field.roles, label, options.channel)
    if "time" not in array.dims:
        array, name = timed(array, dataset, label, options, place)
        names = {"time": name, **names} if name else names
    elif "time" not in array.coords:
        array = stated(array, dataset, label, options, place)
    if "channel" not in array.dims:
        array = array.expand_dims("channel", axis=1 + array.dims.index("time"))
    if array.dims != DIMS:
        array = array.transpose(*DIMS)
    if behind is not None and all(array.sizes.get(dim, 1) == size for dim, size in sizes.items()):
        remember(array, behind)
    return check(with_source_dims(array, {ours: names[ours] for ours in DIMS if ours in names}))


def labelled(dataset: xr.Dataset, field: Field, label: str) -> tuple[xr.DataArray, Stored | None]:
    """The field decoded, lazy, with its coordinates, and what it is stored as; dims that have a role bear its name."""
    variable = dataset.variables[field.name]
    values, behind = _chunked(variable, field, label)
    known = meanings(dataset)
    coords = _carried(dataset, field, known, label)
    for dim, role in field.roles.items():
        axis = dim if dim in coords else _along(coords, dim, role, known)
        if role in coords and role != axis:
            coords[f"source_{role}"] = coords.pop(role)
        if axis is not None:
            coords[role] = coords.pop(axis)
    renamed = {
        name: xr.Variable([field.roles.get(str(dim), str(dim)) for dim in coord.dims], coord.data, coord.attrs)
        for name, coord in coords.items()
    }
    attrs = {str(key): value for key, value in values.attrs.items() if key not in _BOOKKEEPING}
    for key in REFERENCES:
        named = words(attrs.get(key))
        if any(word in dataset.variables and word not in renamed for word in named):
            del attrs[key]
    mapping = _mapping_name(attrs.get("grid_mapping") or variable.encoding.get("grid_mapping"), renamed)
    if mapping is not None:
        attrs["grid_mapping"] = mapping
    if "absent_chunks" in variable.encoding:
        attrs["absent_chunks"] = variable.encoding["absent_chunks"]
    attrs |= {f"{DATASET_PREFIX}{key}": val for key, val in dataset.attrs.items() if key not in _BOOKKEEPING}
    dims = [field.roles.get(str(dim), str(dim)) for dim in values.dims]
    array = xr.DataArray(values.data, dims=dims, coords=renamed, name=field.name, attrs=attrs)
    beside = {"files": variable.encoding["files"]} if "files" in variable.encoding else {}
    array.encoding = {**values.encoding, **beside, "source": label}
    return array, behind


def _mapping_name(text: Any, coords: dict[str, xr.Variable]) -> str | None:
    """The grid mapping variable in `crs`, or in the long form `crs: x y`, if it is there."""
    return next((word for word in words(text) if word in coords), None)


def _chunked(variable: xr.Variable, field: Field, label: str) -> tuple[xr.Variable, Stored | None]:
    """The values of the field, decoded, as dask's; and as they are stored, where one variable holds them."""
    if variable.chunks is not None:
        return unpack(variable), None
    wanted = {str(dim): int(size) for dim, size in variable.encoding.get("preferred_chunks", {}).items()}
    if not wanted:
        first = field.dim("time") or field.dim("lead_time")
        frame = prod(size for dim, size in variable.sizes.items() if dim != first) * variable.dtype.itemsize
        wanted = {first: max(1, CHUNK_BYTES // max(1, frame))} if first else {}
    sizes = {str(dim): min(wanted.get(str(dim), size), size) for dim, size in variable.sizes.items()}
    for dim in map(str, reversed(variable.dims)):
        # Whole multiples of the store's chunks where these are so small that dask would drown in tasks.
        if prod(ceil(variable.sizes[each] / sizes[each]) for each in sizes) > MOST_CHUNKS:
            room = max(1, CHUNK_BYTES // (prod(sizes.values()) * variable.dtype.itemsize))
            sizes[dim] = min(variable.sizes[dim], sizes[dim] * room)
    how = decoding(variable)
    behind = Stored(variable, tuple(field.roles.get(str(dim), str(dim)) for dim in variable.dims), how.decode, label)
    return guarded(variable, sizes, name=field.name, label=label, how=how, behind=behind), behind


def _carried(dataset: xr.Dataset, field: Field, known: dict[str, str], label: str) -> dict[str, xr.Variable]:
    """The coordinates, decoded: scalars and axes in memory, fields of coordinates lazy."""
    variable = dataset.variables[field.name]
    named = {*words(variable.attrs.get("coordinates")), *words(dataset.attrs.get("coordinates"))}
    named |= {str(name) for name in dataset.coords}
    coords: dict[str, xr.Variable] = {}
    for key, coord in dataset.variables.items():
        name = str(key)
        if name == field.name or coord.dtype.kind not in "iufbMmSUOT":
            continue
        if not set(coord.dims) <= set(variable.dims):
            if coord.ndim > 1 or coord.size != 1:
                continue
            coord = coord.isel(dict.fromkeys(coord.dims, 0))
        if coord.ndim > 1 and name not in named and known.get(name) not in ("y", "x", "time"):
            continue
        attrs = {k: v for k, v in coord.attrs.items() if k not in ("bounds", "climatology", "coordinates")}
        attrs |= {k: v for k, v in coord.attrs.items() if k == "bounds" and v not in dataset.variables}
        coord = xr.Variable(
            coord.dims, coord.data if coord.ndim < 2 or has_times(coord) else _whole(coord, name, label), attrs
        )
        if has_times(coord):
            coords[name] = _decoded_time(name, coord, field, label)
        else:
            plain = unpack(coord, coordinate=True)
            coords[name] = xr.Variable(plain.dims, plain.data, plain.attrs)
    return coords


def _whole(coord: xr.Variable, name: str, label: str) -> Any:
    return guarded(coord, {str(dim): size for dim, size in coord.sizes.items()}, name=name, label=label).data


def _decoded_time(name: str, coord: xr.Variable, field: Field, label: str) -> xr.Variable:
    """Times of frames must be dates; other moments that are none stay as they are."""
    try:
        return decoded(name, coord, label)
    except InputError:
        if field.roles.get(name) == "time" or name == "time" or coord.attrs.get("standard_name") == "time":
            raise
        return coord


def _along(coords: dict[str, xr.Variable], dim: str, role: str, known: dict[str, str]) -> str | None:
    """The one-dimensional coordinate along a dim without its own that means the same, or holds the only moments."""
    along = [name for name, coord in coords.items() if coord.dims == (dim,)]
    meant = [name for name in along if known.get(name) == role]
    moments = [name for name in along if coords[name].dtype.kind == "M"]
    if not meant and role == "time" and len(moments) == 1:
        return moments[0]
    return meant[0] if meant else None
