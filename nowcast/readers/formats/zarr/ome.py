"""OME-Zarr, 0.4 and 0.5: the finest level of an image, or the images of a plate or a collection as sequences.

Specification: https://ngff.openmicroscopy.org/0.5/ (0.4: zarr v2, 0.5: zarr v3).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pandas as pd
import xarray as xr

from nowcast.errors import InputError, UnsafeError
from nowcast.readers.damage import damaged, parsing
from nowcast.readers.formats.stacks import Stack, dataset_of, in_seconds, length_in_um, planes_of, reduced_dtype
from nowcast.readers.formats.zarr.chunks import with_chunks_counted
from nowcast.readers.formats.zarr.judging import refuse_codecs, require_inside
from nowcast.readers.formats.zarr.metadata import content_of
from nowcast.readers.options import Options
from nowcast.sealing import check_store

__all__ = ["OMEZarrReader"]

_KINDS = ("multiscales", "plate", "well", "bioformats2raw.layout")

MOST_CHUNKS = 20_000
"""Of an array in dask; where the store has more, several of them are one."""


class OMEZarrReader:
    """Folders whose zarr metadata speak of OME. Images of one size follow each other as sequences."""

    name = "OME-Zarr"

    def recognises(self, path: Path) -> bool:
        if not path.is_dir():
            return False
        try:
            return any(kind in _ome(_attributes(path)) for kind in _KINDS)
        except (InputError, OSError):
            return False

    def open(self, path: Path, options: Options) -> xr.Dataset:
        """Dims `(time, [channel,] y, x)`, or without time for a single frame; y and x in um where that is known.

        Raises
        ------
        InputError
            Damaged; no time step; planes along z, and `options.z` does not say what becomes of them; images that are
            not alike.
        UnsafeError
            Pickled objects, or places outside of the store.
        """
        with parsing(str(path)):
            root = content_of(path / "zarr.json")
            if root:
                check_store(path, root)
            places = _images(path)
            return dataset_of([_stack(path, place, options) for place in places], path, options)


def _attributes(group: Path) -> dict[str, Any]:
    """The attributes of a group, v3 or v2."""
    content = content_of(group / "zarr.json").get("attributes") or content_of(group / ".zattrs")
    return content if isinstance(content, dict) else {}


def _ome(attributes: dict[str, Any]) -> dict[str, Any]:
    ome = attributes.get("ome", attributes)
    return ome if isinstance(ome, dict) else {}


def _damaged(path: Path, found: str) -> InputError:
    return damaged(
        path,
        "the OME-Zarr metadata cannot be used",
        found=found[:300],
        needed="metadata as https://ngff.openmicroscopy.org describes them",
    )


def _inside(root: Path, *parts: Any) -> Path:
    """A place below the store.

    Raises
    ------
    UnsafeError
        A name or a link leads out.
    """
    names = [name for part in parts for name in str(part).split("/")]
    if any(name in ("", ".", "..") or re.search(r"[\\\x00-\x1f]", name) for name in names):
        raise UnsafeError(
            f"{root}: names a place that is not in the store", found=repr(parts)[:200], needed="plain names"
        )
    place = root.joinpath(*names)
    require_inside(root, place)
    return place


def _images(path: Path) -> list[Path]:
    """The groups of the images below a group: its own, those of a plate or a well, or of a collection."""
    ome = _ome(_attributes(path))
    if "multiscales" in ome:
        return [path]
    if "plate" in ome:
        wells = [_inside(path, well["path"]) for well in ome["plate"]["wells"]]
        return [image for well in wells for image in _images(well)]
    if "well" in ome:
        return [_inside(path, image["path"]) for image in ome["well"]["images"]]
    if "bioformats2raw.layout" in ome:
        series = _ome(_attributes(_inside(path, "OME"))).get("series")
        if series is None:
            numbers = sorted(int(each.name) for each in path.iterdir() if each.name.isdecimal() and each.is_dir())
            series = [str(number) for number in numbers]
        if series:
            return [_inside(path, name) for name in series]
    raise _damaged(path, "no images")


def _stack(root: Path, place: Path, options: Options) -> Stack:
    attributes = _attributes(place)
    ome = _ome(attributes)
    try:
        multiscale = ome["multiscales"][0]
        level = multiscale["datasets"][0]
        axes = _axes(multiscale)
        scale, shift = _transformed(multiscale, level, len(axes))
    except (KeyError, IndexError, TypeError, AttributeError, ValueError) as error:
        raise _damaged(place, f"{type(error).__name__} {error}") from error
    names = tuple(name for name, _ in axes)
    unit, side, first = dict(axes), dict(zip(names, scale, strict=True)), dict(zip(names, shift, strict=True))
    variable = _array(_inside(place, level["path"]), names, attributes, options)
    data = _framed(variable, root, options)
    own = attributes.get("nowcast")
    own = own if isinstance(own, dict) else {}
    y, x = (length_in_um(side[axis], unit[axis]) for axis in "yx")
    pixel = (y, x) if y is not None and x is not None else None
    corner = (first["y"] * (y[0] / side["y"]), first["x"] * (x[0] / side["x"])) if y and x else (0.0, 0.0)
    counted = {"absent_chunks": variable.encoding["absent_chunks"]} if "absent_chunks" in variable.encoding else {}
    notes = own.get("notes")
    return Stack(
        str(multiscale.get("name") or place.relative_to(root.parent if place == root else root)),
        data,
        step=in_seconds(side["t"], unit["t"]) if "t" in side else None,
        start=_start(own.get("start")),
        offsets=_offsets(own.get("offsets"), data.shape[0]),
        pixel=pixel,
        corner=corner,
        channels=_labels(ome, data.shape[1]) if own.get("named_channels", True) else (),
        attrs={**({str(k): str(v) for k, v in notes.items()} if isinstance(notes, dict) else {}), **counted},
    )


def _axes(multiscale: dict[str, Any]) -> list[tuple[str, str]]:
    """Name and unit of each axis; versions before 0.4 have names alone, the first ones none."""
    axes = []
    for axis in multiscale.get("axes") or "tczyx":
        told = axis if isinstance(axis, dict) else {"name": axis}
        name = {"time": "t", "channel": "c"}.get(str(told.get("type")), str(told["name"]).lower())
        axes.append((name, str(told.get("unit") or "")))
    names = [name for name, _ in axes]
    if len(set(names)) < len(names) or not {"y", "x"} <= set(names):
        raise ValueError(f"axes {names}")
    return axes


def _transformed(multiscale: dict[str, Any], level: dict[str, Any], count: int) -> tuple[list[float], list[float]]:
    """Scale and translation of each axis: the level's, and then those of all levels."""
    scale, shift = np.ones(count), np.zeros(count)
    for holder in (level, multiscale):
        for step in holder.get("coordinateTransformations") or []:
            values = np.array(step.get(step["type"], 1.0 if step["type"] == "identity" else None), dtype=float)
            if step["type"] != "identity" and values.shape != (count,):
                raise ValueError(f"a {step['type']} of {values.size} axes")
            if step["type"] == "scale":
                scale, shift = scale * values, shift * values
            elif step["type"] == "translation":
                shift = shift + values
    return scale.tolist(), shift.tolist()


def _array(folder: Path, dims: tuple[str, ...], attributes: dict[str, Any], options: Options) -> xr.Variable:
    """The array as a lazy variable, its chunks counted."""
    import zarr

    from nowcast.readers.formats.zarr.stores import CarefulStore  # loads zarr

    told = [content for name in ("zarr.json", ".zarray") if (content := content_of(folder / name))]
    if not told:
        raise _damaged(folder, "no array")
    for content in told:
        refuse_codecs(str(folder), content)
    store = CarefulStore(folder.parent, arrays=[(folder.name, content) for content in told])
    array = zarr.open_array(store=store, path=folder.name, mode="r")
    if array.ndim != len(dims) or 0 in array.shape or np.dtype(array.dtype).kind not in "biuf":
        raise _damaged(folder, f"an array of {array.dtype}, {array.shape}, and the axes {dims}")
    stored = array.shards or array.chunks
    sizes = [min(chunk, length) for chunk, length in zip(stored, array.shape, strict=True)]
    for axis in reversed(range(len(sizes))):
        while _count(array.shape, sizes) > MOST_CHUNKS and sizes[axis] < array.shape[axis]:
            sizes[axis] *= 2
    meta = np.empty((0,) * array.ndim, array.dtype)
    lazy = da.from_array(_Lazy(array, folder), chunks=tuple(sizes), asarray=False, meta=meta)
    variable = xr.Variable(dims, lazy, encoding={"chunks": array.chunks, "shards": array.shards})
    counted = {"nowcast_chunks": attributes["nowcast_chunks"]} if "nowcast_chunks" in attributes else {}
    dataset = xr.Dataset({folder.name: variable}, attrs=counted)
    return with_chunks_counted(folder.parent, dataset, holes=options.lenient()).variables[folder.name]


def _count(shape: tuple[int, ...], sizes: list[int]) -> int:
    return int(np.prod([-(-length // size) for length, size in zip(shape, sizes, strict=True)]))


class _Lazy:
    """What dask needs of an array: shape, dtype and slicing."""

    def __init__(self, array: Any, folder: Path) -> None:
        self._array, self._folder = array, folder
        self.shape, self.dtype, self.ndim = array.shape, array.dtype, array.ndim

    def __getitem__(self, key: Any) -> np.ndarray:
        with parsing(str(self._folder)):
            return np.asarray(self._array[key])


def _framed(variable: xr.Variable, root: Path, options: Options) -> da.Array:
    """Dims `(time, channel, y, x)`: planes along z as `options.z` says, other axes of length one left out."""
    extra = [dim for dim in variable.dims if dim not in tuple("tczyx")]
    if any(variable.sizes[dim] > 1 for dim in extra):
        sizes = ", ".join(f"{dim} {size}" for dim, size in variable.sizes.items())
        raise InputError(
            f"{root}: has axes beside time, channel, z, y and x", found=sizes, needed="those, or others of length one"
        )
    variable = variable.isel(dict.fromkeys(extra, 0))
    depth = variable.sizes.get("z", 1)
    how = planes_of(depth, root, options)
    dtype = np.dtype("uint8") if variable.dtype.kind == "b" else variable.dtype.newbyteorder("=")
    dtype = np.dtype("float32") if dtype == np.float16 else dtype
    data: da.Array = variable.transpose(*(dim for dim in "tczyx" if dim in variable.dims)).data
    for position, dim in enumerate("tcz"):
        if dim not in variable.dims:
            data = da.expand_dims(data, position)
    if isinstance(how, int):
        data = data[:, :, how]
    elif how == "max":
        data = data.max(axis=2)
    else:
        data = data.astype("float64").sum(axis=2) / (depth if how == "mean" else 1)
    projected: da.Array = data.astype(reduced_dtype(dtype, how, depth))
    return projected


def _labels(ome: dict[str, Any], count: int) -> tuple[str, ...]:
    omero = ome.get("omero")
    channels = omero.get("channels") if isinstance(omero, dict) else None
    labels = [str(each.get("label") or "") for each in channels or () if isinstance(each, dict)]
    return tuple(labels) if len(labels) == len(set(labels)) == count and all(labels) else ()


def _start(text: Any) -> pd.Timestamp | None:
    return None if not isinstance(text, str) else pd.Timestamp(text)


def _offsets(told: Any, frames: int) -> tuple[float, ...] | None:
    if not isinstance(told, list) or len(told) != frames:
        return None
    return tuple(float(seconds) for seconds in told)
