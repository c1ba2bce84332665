"""From a lazily opened dataset to a labelled field: pick the variable, find its axes, decode, carry coordinates."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from math import ceil, prod
from typing import Any

import xarray as xr

from nowcast import products
from nowcast.cube import DATASET_PREFIX, DIMS, check, with_source_dims
from nowcast.errors import InputError
from nowcast.readers.axes import meanings, roles
from nowcast.readers.channels import select_extra
from nowcast.readers.dating import stated, timed
from nowcast.readers.lazy import guarded
from nowcast.readers.naming import Place
from nowcast.readers.options import Options
from nowcast.readers.packing import decoding, unpack
from nowcast.readers.stored import Stored, remember
from nowcast.readers.timing import decoded, has_times

__all__ = ["Field", "as_cube", "candidates", "labelled", "pick"]

CHUNK_BYTES = 64 * 2**20
"""Where the store has no chunks, a chunk is as many whole frames as this holds."""

MOST_CHUNKS = 20_000
"""Where the store has more, a dask chunk is several of them, up to `CHUNK_BYTES`."""

_REFERENCES = ("bounds", "climatology", "ancillary_variables", "cell_measures", "formula_terms")
_BOOKKEEPING = ("coordinates", "nowcast_chunks", "nowcast_checksum")


@dataclass(frozen=True)
class Field:
    """A variable on a grid: the roles of its dims by their source names, and whether y and x are told or guessed."""

    name: str
    roles: dict[str, str]
    sure: bool

    def dim(self, role: str) -> str | None:
        return next((dim for dim, found in self.roles.items() if found == role), None)


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
            found=f"dims {_dims(dataset, field.name)}",
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


def candidates(dataset: xr.Dataset) -> list[Field]:
    """The variables that can be the field: numbers on y and x, no coordinate, bounds, grid mapping or quality flag."""
    known = meanings(dataset)
    helpers = _referenced(dataset)
    fields = []
    for key, variable in dataset.variables.items():
        name = str(key)
        if variable.dtype.kind not in "iuf" or variable.ndim < 2 or name in helpers or name in known:
            continue
        if "grid_mapping_name" in variable.attrs or name in dataset.coords:
            continue
        found, sure = roles(dataset, tuple(map(str, variable.dims)), known)
        if {"y", "x"} <= set(found.values()):
            fields.append(Field(name, found, sure))
    for kept in (
        [field for field in fields if field.sure],
        [field for field in fields if not _is_flag(dataset.variables[field.name])],
        [field for field in fields if field.dim("time") or field.dim("lead_time")],
    ):
        names = {field.name for field in kept}
        left = [field for field in fields if field.name in names]
        fields = left or fields
    return fields


def pick(dataset: xr.Dataset, label: str, variable: str | None) -> Field:
    """The variable asked for, the one of which all others are products, or the only one that there is.

    Raises
    ------
    InputError
        An unknown name, with the nearest; none that is a field; several, listed with the flag to choose by.
    """
    if variable is not None:
        return _asked(dataset, label, variable)
    fields = candidates(dataset)
    named = [field for field in fields if field.name == dataset.attrs.get(products.VARIABLE)]
    if named:
        return named[0]
    if not fields:
        shapes = [f"{name}{_dims(dataset, str(name))}" for name in list(dataset.variables)[:8]]
        raise InputError(
            f"{label}: holds no field on a grid",
            found=", ".join(shapes) or "no variables",
            needed="a numeric variable with the dims y and x (and time)",
        )
    if len(fields) > 1:
        lines = []
        for field in fields:
            attrs = dataset.variables[field.name].attrs
            told = attrs.get("long_name") or attrs.get("standard_name") or ""
            lines.append(f"{field.name} {_dims(dataset, field.name)} {told}".rstrip())
        raise InputError(
            f"{label}: holds {len(fields)} fields, choose one",
            found=("\n" + " " * 10).join(lines),
            next_step=f"--variable {fields[0].name}   (Python: variable={fields[0].name!r})",
        )
    return fields[0]


def _asked(dataset: xr.Dataset, label: str, variable: str) -> Field:
    names = [str(name) for name in dataset.variables]
    if variable not in names:
        near = get_close_matches(variable, names, n=1, cutoff=0.5)
        usable = [field.name for field in candidates(dataset)]
        raise InputError(
            f"{label}: no variable {variable!r}" + (f"; did you mean {near[0]!r}?" if near else ""),
            found=", ".join(usable or names),
            next_step=f"--variable {(near or usable or names or ['NAME'])[0]}",
        )
    found, sure = roles(dataset, tuple(map(str, dataset.variables[variable].dims)), meanings(dataset))
    if not {"y", "x"} <= set(found.values()) or dataset.variables[variable].dtype.kind not in "iuf":
        raise InputError(
            f"{label}: variable {variable!r} is no field on a grid",
            found=f"{dataset.variables[variable].dtype}, dims {_dims(dataset, variable)}",
            needed="numbers with the dims y and x (and time)",
        )
    return Field(variable, found, sure)


def _dims(dataset: xr.Dataset, name: str) -> str:
    variable = dataset.variables[name]
    return "(" + ", ".join(f"{dim} {size}" for dim, size in variable.sizes.items()) + ")"


def _words(value: Any) -> list[str]:
    return value.replace(":", " ").split() if isinstance(value, str) else []


def _referenced(dataset: xr.Dataset) -> set[str]:
    names: set[str] = set(_words(dataset.attrs.get("coordinates")))
    for variable in dataset.variables.values():
        for key in (*_REFERENCES, "coordinates", "grid_mapping"):
            names.update(_words(variable.attrs.get(key)))
    return names


def _is_flag(variable: xr.Variable) -> bool:
    standard = str(variable.attrs.get("standard_name", ""))
    flags = {"flag_values", "flag_masks", "flag_meanings"} & set(variable.attrs)
    return bool(flags) or standard.endswith(("status_flag", "quality_flag"))


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
    for key in _REFERENCES:
        words = [word.rstrip(":") for word in _words(attrs.get(key))]
        if any(word in dataset.variables and word not in renamed for word in words):
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
    return next((word for word in _words(text) if word in coords), None)


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
    named = {*_words(variable.attrs.get("coordinates")), *_words(dataset.attrs.get("coordinates"))}
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
    """The one-dimensional coordinate along a dim without its own that means the same."""
    return next((name for name, coord in coords.items() if coord.dims == (dim,) and known.get(name) == role), None)
