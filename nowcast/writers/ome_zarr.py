"""A cube or a forecast to OME-Zarr 0.5: TCZYX, an image for each sequence or forecast; zstd, checksums on every chunk.

Specification: https://ngff.openmicroscopy.org/0.5/. Several images are laid out as bioformats2raw does.
"""

from __future__ import annotations

import math
from functools import partial
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import xarray as xr

from nowcast.cube import label
from nowcast.errors import MachineError
from nowcast.sealing import STORE_ATTRIBUTE, store_checksums
from nowcast.writers.images import NAMESPACE, Image, as_written, images_of, pixel_dtype
from nowcast.writers.packing import DoesNotFitError
from nowcast.writers.zarr import CHUNKS_ATTRIBUTE, chunk_sizes

__all__ = ["SUFFIX", "write"]

SUFFIX = ".ome.zarr"

VERSION = "0.5"

_AXES = {"t": "time", "c": "channel", "z": "space", "y": "space", "x": "space"}
_UNITS = {"nm": "nanometer", "um": "micrometer", "mm": "millimeter", "cm": "centimeter", "m": "meter"}
_UNITS |= {"km": "kilometer"}
_COLOURS = {"red": "FF0000", "green": "00FF00", "blue": "0000FF"}


def write(cube: xr.DataArray, path: Path) -> None:
    """Write to a new store, chunk by chunk; integers as such where the cube or its source has them, else float32.

    Parameters
    ----------
    cube
        Dims `(time, channel, y, x)`, or `(forecast_reference_time, lead_time[, realization], channel, y, x)`.

    Raises
    ------
    InputError
        A value beyond float32.
    MachineError
        Fewer chunks lie in the store than were written.
    OSError
        The disk is full, or the place may not be written.
    """
    try:
        _write(cube, path, pixel_dtype(cube))
    except DoesNotFitError:
        _write(cube, path, pixel_dtype(cube, packed=False))


def _write(cube: xr.DataArray, path: Path, dtype: np.dtype[Any]) -> None:
    import zarr

    root = zarr.open_group(path, mode="w", zarr_format=3)
    images = images_of(cube)
    if len(images) == 1:
        _write_image(root, images[0], dtype)
    else:
        names = [str(number) for number in range(len(images))]
        for name, image in zip(names, images, strict=True):
            _write_image(root.create_group(name), image, dtype)
        root.create_group("OME").attrs["ome"] = {"version": VERSION, "series": names}
        root.attrs["ome"] = {"version": VERSION, "bioformats2raw.layout": 3}
    root.attrs[STORE_ATTRIBUTE] = store_checksums(path)


def _write_image(group: Any, image: Image, dtype: np.dtype[Any]) -> None:
    from zarr.codecs import Crc32cCodec, ZstdCodec

    frames, channels, rows, columns = image.frames.shape
    named = xr.Variable(("time", "channel", "y", "x"), da.zeros(image.frames.shape, dtype=dtype, chunks=-1))
    size = tuple(chunk_sizes(named).values())
    array = group.create_array(
        "0",
        shape=(frames, channels, 1, rows, columns),
        chunks=(*size[:2], 1, *size[2:]),
        dtype=dtype,
        compressors=(ZstdCodec(level=3), Crc32cCodec()),
        fill_value=np.nan if dtype.kind == "f" else 0,
        dimension_names=list(_AXES),
        config={"write_empty_chunks": True},
    )
    data = image.frames.data
    data = data if isinstance(data, da.Array) else da.from_array(data, chunks=size, name=False)
    convert = partial(as_written, dtype=dtype, what=label(image.frames))
    data = data.rechunk(size).map_blocks(convert, dtype=dtype, meta=np.empty((0,) * 4, dtype))
    da.store(data[:, :, None], array, lock=False)
    group.attrs["ome"] = {"version": VERSION, "multiscales": [_multiscale(image)], "omero": _omero(image)}
    group.attrs[NAMESPACE] = _account(image)
    written = int(array.nchunks_initialized)
    if written != math.prod(-(-length // chunk) for length, chunk in zip(array.shape, array.chunks, strict=True)):
        raise MachineError(f"{group.store.root.name}: is incomplete on disk", found=f"{written} chunks")
    group.attrs[CHUNKS_ATTRIBUTE] = {"0": written}


def _multiscale(image: Image) -> dict[str, Any]:
    axes: list[dict[str, str]] = [{"name": name, "type": kind} for name, kind in _AXES.items()]
    scale = [1.0] * 5
    if image.step is not None:
        axes[0]["unit"] = "second"
        scale[0] = image.step
    if image.pixel is not None:
        for axis in axes[3:]:
            axis["unit"] = _UNITS[image.unit]
        scale[3:] = image.pixel
    transformations: list[dict[str, Any]] = [{"type": "scale", "scale": scale}]
    if image.corner is not None and any(image.corner):
        transformations.append({"type": "translation", "translation": [0.0, 0.0, 0.0, *image.corner]})
    datasets = [{"path": "0", "coordinateTransformations": transformations}]
    return {"name": image.name, "axes": axes, "datasets": datasets}


def _omero(image: Image) -> dict[str, Any]:
    """How to show the channels: a name, a colour, and a range that three frames are in."""
    frames = image.frames.shape[0]
    labels = image.channels or tuple(str(number) for number in range(image.frames.shape[1]))
    some = np.asarray(image.frames[sorted({0, frames // 2, frames - 1})].values, dtype="float64")
    channels = []
    for number, name in enumerate(labels):
        finite = some[:, number][np.isfinite(some[:, number])]
        low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
        window = {"min": low, "max": high, "start": low, "end": high}
        channels.append({"label": name, "color": _COLOURS.get(name, "FFFFFF"), "window": window, "active": True})
    return {"channels": channels}


def _account(image: Image) -> dict[str, Any]:
    """What OME-Zarr has no word for: the time of the first frame, uneven times, the field's name and attributes."""
    told: dict[str, Any] = {"notes": image.notes, "named_channels": bool(image.channels)}
    if image.start is not None:
        told["start"] = image.start.isoformat()
    if image.offsets is not None:
        told["offsets"] = list(image.offsets)
    return told
