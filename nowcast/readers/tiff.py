"""TIFF stacks: ImageJ's, OME-TIFF (several files too), and those that say nothing of their axes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from nowcast.errors import InputError, MachineError
from nowcast.readers.damage import reading
from nowcast.readers.lazy import lazily
from nowcast.readers.ome_xml import OMEImage, spelled_length, understood
from nowcast.readers.options import Options
from nowcast.readers.planes import flattened, require_plane, sizes_of
from nowcast.readers.timing import counted

__all__ = ["TIFFReader", "is_tiff"]

_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_LETTERS = set("TCZYXS")
_UNKNOWN = set("QI")
DENSEST = 2000
"""Bytes that one byte of a compressed file may stand for; zlib reaches 1032."""

ROOMY = 2**28


@dataclass(frozen=True)
class _Stack:
    """The images of a file: the axes of each, their size, and what is said of them."""

    axes: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    series: int
    images: list[OMEImage]


class TIFFReader:
    """Frames of one plane each: a Z axis is projected or picked (`--z`), colours become grey unless asked (`--rgb`)."""

    name = "TIFF"

    def recognises(self, path: Path) -> bool:
        return is_tiff(path)

    def open(self, path: Path, options: Options) -> xr.Dataset:
        stack = _described(path, options)
        sizes = sizes_of(stack.axes, stack.shape)
        require_plane(sizes, options, label=str(path))
        frames = sizes.get("T", 1)
        channels, shape, dtype = flattened(sizes, stack.dtype, options)
        absent = _absent(path, stack.images, options)
        load = partial(_load, path, stack.axes, options, absent)
        dtype = np.result_type(dtype, np.float32) if absent else dtype
        parts = [
            lazily(path, partial(load, index), frames=frames, shape=shape, dtype=dtype) for index in range(stack.series)
        ]
        dims = ("time", *(("channel",) if channels else ()), "y", "x")
        said = stack.images[0]
        attrs = {"units": "1", "long_name": said.name or "intensity"}
        if absent:
            attrs["absent_files"] = f"{len(absent)} planes read as missing"
        coords = _pixels(sizes, said, options)
        labels = channels if sizes.get("S", 1) > 1 else said.channels
        if channels and len(labels) == len(channels) and all(labels):
            coords["channel"] = xr.Variable(("channel",), np.array(labels, dtype=object))
        if "T" not in sizes and stack.series == 1:
            return xr.Dataset({"intensity": (dims[1:], parts[0][0], attrs)}, coords=coords)
        import dask.array as da

        step = said.step or options.step_seconds()
        if step is None and frames > 1:
            raise InputError(
                f"{path}: nothing says how far apart its {frames} frames are", next_step="--time-step 30s"
            )
        times = [
            counted(frames, step or 1.0, image.start or options.first_moment())
            for image in (stack.images[index if len(stack.images) == stack.series else 0] for index in range(stack.series))
        ]
        coords["time"] = xr.concat(times, "time") if stack.series > 1 else times[0]
        if stack.series > 1:
            names = [image.name or f"position {index}" for index, image in enumerate(stack.images)]
            unique = names if len(set(names)) == stack.series else [f"position {i}" for i in range(stack.series)]
            coords["sequence"] = xr.Variable(("time",), np.repeat(np.array(unique, dtype=object), frames))
        return xr.Dataset({"intensity": (dims, da.concatenate(parts), attrs)}, coords=coords)


def is_tiff(path: Path) -> bool:
    """Whether a regular file begins as a TIFF or BigTIFF."""
    if path.is_dir():
        return False
    with path.open("rb") as file:
        return file.read(4) in _MAGIC


def _described(path: Path, options: Options) -> _Stack:
    import tifffile

    with reading(str(path)), _translated(path), tifffile.TiffFile(path) as file:
        text = file.ome_metadata
        images = understood(text, label=str(path)) if text else []
        series = list(file.series)
        if not series:
            raise InputError(f"{path}: damaged, it holds no image", next_step="write it again, or leave it out")
        kinds = {(each.axes, each.shape, each.dtype) for each in series}
        if len(kinds) > 1 and not text:
            series = series[:1]  # a thumbnail or an overview follows the image
        elif len(kinds) > 1:
            raise InputError(
                f"{path}: images that do not fit together",
                found=", ".join(f"{each.name}: {each.axes} {each.shape}" for each in series[:5]),
                needed="one size, or one image",
            )
        first = series[0]
        for each in series:
            _check_size(path, each, file)
        axes = _axes(path, first.axes, first.shape, options)
        if not images and file.imagej_metadata is not None:
            images = [_imagej(file)]
        return _Stack(axes, tuple(first.shape), first.dtype, len(series), images or [OMEImage("", None, None, None, [])])


def _axes(path: Path, axes: str, shape: tuple[int, ...], options: Options) -> str:
    """The letters of the axes; what the file does not know, the user says."""
    if set(axes) <= _LETTERS:
        return axes
    told = (options.axes or "").upper()
    if told and set(told) <= _LETTERS and len(set(told)) == len(told) == len(shape) and told.endswith(("YX", "YXS")):
        return told
    guess = {3: "TYX", 4: "TZYX" if axes[-1] != "S" else "TYXS", 5: "TZCYX"}.get(len(shape), "YX")
    raise InputError(
        f"{path}: what its axes are is not said"
        if not told
        else f"{path}: --axes {options.axes} does not fit its {len(shape)} axes",
        found=f"{axes}, {' x '.join(map(str, shape))}",
        needed="a letter for each axis, of T C Z Y X (and S for colours), Y and X last",
        next_step=f"--axes {guess} --time-step 30s, and --pixel-size 0.35um if you know it",
    )


def _imagej(file: Any) -> OMEImage:
    told = file.imagej_metadata or {}
    interval = float(told.get("finterval") or 0) or (1 / float(told["fps"]) if float(told.get("fps") or 0) else 0.0)
    unit = spelled_length(str(told.get("unit", "")).encode("latin-1", "replace").decode("unicode_escape", "replace"))
    tags = file.pages[0].tags
    sizes = []
    for name in ("YResolution", "XResolution"):
        value = tags[name].value if name in tags else (0, 1)
        sizes.append(value[1] / value[0] if value[0] else 0.0)
    pixel = (sizes[0], sizes[1], unit) if all(sizes) and unit and unit not in ("pixel", "pixels", "inch") else None
    channels = [str(label) for label in told.get("Labels", [])] if told.get("channels", 1) == 1 else []
    return OMEImage("", interval or None, None, pixel, channels if len(channels) == 1 else [])


def _check_size(path: Path, series: Any, file: Any) -> None:
    """Refuse what the file cannot hold: a cut stack, or a size that no compression reaches."""
    size = path.stat().st_size
    if series.nbytes > ROOMY and series.nbytes > DENSEST * size:
        raise InputError(
            f"{path}: damaged or made to harm, it promises more than it can hold",
            found=f"{series.nbytes:,} bytes of pixels in {size:,}",
            needed="the size that it states",
        )
    if any(length > 1_000_000 for length in series.shape):
        raise InputError(f"{path}: damaged, an impossible size", found=str(series.shape))
    ends = [
        offset + count
        for page in series.pages
        if page is not None and page.parent is file
        for offset, count in zip(page.dataoffsets, page.databytecounts, strict=False)
    ]
    if series.dataoffset is not None and series.pages[0] is not None and series.pages[0].parent is file:
        ends.append(series.dataoffset + series.nbytes)
    if max(ends, default=0) > size:
        raise InputError(
            f"{path}: damaged, the file is cut short",
            found=f"{size} bytes",
            needed=f"{max(ends)} bytes",
            next_step="fetch or write it again, or leave it out",
        )


def _absent(path: Path, images: list[OMEImage], options: Options) -> set[tuple[int, int, int]]:
    """Planes (time, channel, z) of an OME-TIFF whose files are not there; refused unless they are to be missing."""
    files = {name: planes for image in images for name, planes in image.files.items()}
    lost = sorted(name for name in files if not (path.parent / name).is_file())
    if not lost or (len(files) == 1 and len(images) == 1):
        return set()  # a file that was renamed still holds its own planes
    if options.missing != "nan" or len(images) > 1:
        raise InputError(
            f"{path}: {len(lost)} of the {len(files)} files of this OME-TIFF are missing",
            found=", ".join(lost[:5]) + (" ..." if len(lost) > 5 else ""),
            needed="all of them in one folder",
            next_step="--missing nan reads their planes as missing" if len(images) == 1 else "fetch them",
        )
    return {plane for name in lost for plane in files[name]}


def _load(
    path: Path, axes: str, options: Options, absent: set[tuple[int, int, int]], series: int, first: int, stop: int
) -> np.ndarray:
    """Frames `(time, [channel,] y, x)` of one image."""
    import tifffile
    import zarr

    with _translated(path), tifffile.TiffFile(path) as file:
        store = file.series[series].aszarr(chunkmode="page")
        try:
            stored = zarr.open(store, mode="r")
            key = tuple(slice(first, stop) if axis == "T" else slice(None) for axis in axes)
            values = np.asarray(stored[key])
        finally:
            store.close()
    sizes = sizes_of(axes, values.shape)
    order = [axes.index(axis) for axis in "TCZYXS" if axis in axes]
    values = values.transpose(order)
    values = values.reshape([sizes.get(axis, 1) for axis in "TCZYXS"])
    if absent:
        values = values.astype(np.result_type(values.dtype, np.float32))
        for time, channel, z in absent:
            if first <= time < stop:
                values[time - first, channel, z] = np.nan
    return require_plane(sizes, options, label=str(path))(values)


class _translated:  # noqa: N801  (a context)
    """tifffile's words for damage, and for a codec that is not installed."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, _: Any) -> None:
        import struct

        import tifffile

        if isinstance(error, ValueError | ImportError) and "imagecodecs" in str(error):
            raise MachineError(
                f"{self._path}: its compression needs the package imagecodecs",
                next_step="pip install 'nowcast[microscopy]'",
            ) from error
        kinds = (tifffile.TiffFileError, ValueError, KeyError, IndexError, TypeError, AttributeError, struct.error)
        more = (ZeroDivisionError, OverflowError, RuntimeError, NotImplementedError, MemoryError, AssertionError)
        if isinstance(error, kinds + more):
            raise InputError(
                f"{self._path}: damaged, it cannot be read",
                found=(str(error).splitlines() or [type(error).__name__])[0][:300],
                needed="a complete TIFF",
                next_step="fetch or write it again, or leave it out",
            ) from error


def _pixels(sizes: dict[str, int], said: OMEImage, options: Options) -> dict[str, xr.Variable]:
    pixel = said.pixel
    if pixel is None and (told := options.pixel()) is not None:
        pixel = (told[0], told[0], told[1])
    if pixel is None:
        return {}
    rows, columns, unit = pixel
    if not all(math.isfinite(side) for side in (rows, columns)):
        return {}
    return {
        name: xr.Variable((name,), side * np.arange(sizes[name.upper()]), {"units": unit, "axis": name.upper()})
        for name, side in (("y", rows), ("x", columns))
    }
