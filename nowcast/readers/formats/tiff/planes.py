"""Planes of TIFF files as a lazy stack: frames are loaded page by page, from files opened for the moment."""

from __future__ import annotations

import contextlib
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import tifffile

from nowcast.cube import COLOURS
from nowcast.errors import InputError
from nowcast.readers.damage import damaged, parsing
from nowcast.readers.formats.stacks import LUMA, planes_of, reduced_dtype
from nowcast.readers.formats.tiff.pages import Pages, lacking_codec
from nowcast.readers.lazy import lazily
from nowcast.readers.options import Options

__all__ = ["MISSING", "Layout", "frames_of", "opened", "placed"]

MISSING = -1
"""The directory of a plane that no file holds."""

CHUNK_BYTES = 2**23
MOST_PAGES = 256
"""Of the frames that are loaded at once, where they are small."""

_QUIET = logging.NullHandler()

_BUILT_IN = {1: "none", 8: "deflate", 32946: "deflate", 32773: "packbits", 34925: "lzma"}
_RGB, _YCBCR = 2, 6


def opened(path: Path) -> tifffile.TiffFile:
    """The file, without the special ways of three makers of microscopes; what is wrong with it, we say ourselves."""
    tifffile.logger().addHandler(_QUIET)
    return tifffile.TiffFile(path, is_ndpi=False, is_lsm=False, is_scanimage=False)


@dataclass(frozen=True)
class Layout:
    """Where the planes of one image lie.

    Parameters
    ----------
    axes
        A letter for each axis of the planes, slowest first: T, Z, C, each once; or others, of no known meaning.
    planes
        Dims `(*axes, 3)`: the number of the file, the offset of the page's directory or `MISSING`, and how many frames
        beyond the page's own data the plane lies.
    """

    axes: str
    planes: np.ndarray
    files: tuple[Pages, ...]


@dataclass(frozen=True)
class _Kind:
    """What all pages have in common: rows, columns and samples, type, and whether the samples are colours."""

    size: tuple[int, int]
    samples: int
    stored: np.dtype[Any]
    dtype: np.dtype[Any]
    colours: bool


def placed(files: tuple[Pages, ...], numbers: np.ndarray, sources: np.ndarray | int = 0) -> tuple[np.ndarray, int]:
    """The planes that are the pages of these numbers, dims of `numbers` and 3, and how many of them lack data."""
    planes = np.zeros((*numbers.shape, 3), "int64")
    planes[..., 0] = sources
    lost = 0
    for place in np.ndindex(numbers.shape):
        file, number = files[planes[(*place, 0)]], int(numbers[place])
        sound = file.whole(number)
        planes[(*place, 1)] = file.pages[number].offset if sound else MISSING
        lost += not sound
    return planes, lost


def frames_of(layout: Layout, path: Path, options: Options) -> tuple[da.Array, tuple[str, ...]]:
    """The frames, dims `(time, channel, y, x)`, and the names of the channels where they are colours.

    Planes along z become one as `options.z` says. Colours become grey, unless `options.rgb`. What is missing is NaN.

    Raises
    ------
    InputError
        Pages that differ, or are volumes; several planes along z without a word what to do with them.
    MachineError
        A codec is lacking.
    """
    kind = _kind(layout, path)
    order = [layout.axes.index(axis) for axis in "TZC" if axis in layout.axes]
    planes = layout.planes.transpose(*order, -1)
    for position, axis in enumerate("TZC"):
        if axis not in layout.axes:
            planes = np.expand_dims(planes, position)
    depth = planes.shape[1]
    how = planes_of(depth, path, options)
    if isinstance(how, int):
        planes = planes[:, how : how + 1]
    grey = kind.colours and not options.rgb
    samples = 1 if grey else 3 if kind.colours else kind.samples
    if kind.colours and options.rgb and planes.shape[2] > 1:
        raise InputError(
            f"{path}: has colours and channels", found=f"{planes.shape[2]} channels of red, green, blue", needed="one"
        )
    dtype = reduced_dtype(np.dtype("float32") if grey else kind.dtype, how, depth)
    if (planes[..., 1] == MISSING).any() and dtype.kind != "f":
        dtype = np.dtype("float32" if dtype.itemsize <= 2 else "float64")
    shape = (planes.shape[2] * samples, *kind.size)
    load = _Load(tuple(file.path for file in layout.files), planes, kind, how, grey, samples, dtype)
    weight = max(1, int(np.prod(shape)) * max(dtype.itemsize, kind.stored.itemsize * planes.shape[1]))
    frames = planes.shape[0]
    at_once = max(1, min(CHUNK_BYTES // weight, MOST_PAGES // (depth * planes.shape[2])))
    data = lazily(path, load, frames=frames, shape=shape, dtype=dtype, at_once=at_once)
    return data, COLOURS if samples == 3 and kind.colours else ()


def _kind(layout: Layout, path: Path) -> _Kind:
    there = layout.planes[layout.planes[..., 1] != MISSING].reshape(-1, 3)
    if not len(there):
        raise damaged(path, found="no page that is whole")
    pages = {(number, page.offset): page for number, file in enumerate(layout.files) for page in file.pages}
    used = {pages[int(file), int(offset)].kind for file, offset in np.unique(there[:, :2], axis=0)}
    if len(used) > 1:
        raise InputError(
            f"{path}: pages of different sizes or types",
            found=f"{len(used)} kinds of pages",
            needed="pages that are alike",
            next_step="take the others out first, or write the frames to a file of their own",
        )
    file, offset, _ = there[0].tolist()
    with parsing(str(layout.files[file].path)), opened(layout.files[file].path) as tif:
        page = _page(tif, offset)
        separate, depth, rows, columns, contiguous = page.shaped
        compression, predictor, photometric = int(page.compression), int(page.predictor), int(page.photometric)
        stored = page.dtype
    if stored is None or 0 in (rows, columns) or stored.kind not in "biuf":
        raise InputError(f"{path}: pages hold no real numbers", found=str(stored), needed="integers or floats")
    if depth != 1:
        raise InputError(f"{path}: pages that are volumes", found=f"{depth} planes to a page", needed="one plane each")
    if compression not in _BUILT_IN or predictor not in (1, 2):
        try:
            import imagecodecs  # noqa: F401
        except ImportError as error:
            raise lacking_codec(path, str(tifffile.COMPRESSION(compression).name)) from error
    samples = separate * contiguous
    dtype = np.dtype("uint8") if stored.kind == "b" else stored.newbyteorder("=")
    dtype = np.dtype("float32") if dtype == np.float16 else dtype
    return _Kind((rows, columns), samples, stored, dtype, photometric in (_RGB, _YCBCR) and samples in (3, 4))


def _page(tif: tifffile.TiffFile, offset: int) -> tifffile.TiffPage:
    tif.filehandle.seek(offset)
    return tifffile.TiffPage(tif, 0)


@dataclass(frozen=True)
class _Load:
    files: tuple[Path, ...]
    planes: np.ndarray
    kind: _Kind
    how: str | int
    grey: bool
    samples: int
    dtype: np.dtype[Any]

    def __call__(self, first: int, stop: int) -> np.ndarray:
        channels = self.planes.shape[2]
        frames = np.empty((stop - first, channels, self.samples, *self.kind.size), self.dtype)
        with contextlib.ExitStack() as stack:
            handles: dict[int, tifffile.TiffFile] = {}
            for place in np.ndindex(stop - first, channels):
                column = self.planes[first + place[0], :, place[1]]
                frames[place] = self._reduced(column, handles, stack)
        return frames.reshape(stop - first, channels * self.samples, *self.kind.size)

    def _reduced(self, column: np.ndarray, handles: dict[int, tifffile.TiffFile], stack: contextlib.ExitStack) -> Any:
        """The planes of one column along z as one, dims `(samples, y, x)`."""
        adding = self.how in ("mean", "sum")
        combine = np.add if adding else np.maximum
        result = self._plane(column[0], handles, stack).astype("float64" if adding else self.dtype)
        for plane in column[1:]:
            combine(result, self._plane(plane, handles, stack), out=result, casting="unsafe")
        return result / len(column) if self.how == "mean" else result

    def _plane(self, plane: np.ndarray, handles: dict[int, tifffile.TiffFile], stack: contextlib.ExitStack) -> Any:
        number, offset, part = plane.tolist()
        if offset == MISSING:
            return np.full((self.samples, *self.kind.size), np.nan, self.dtype)
        path = self.files[number]
        with parsing(str(path)):
            if number not in handles:
                handles[number] = stack.enter_context(opened(path))
            values = self._values(handles[number], offset, part, path)
        if self.grey:
            return np.tensordot(LUMA, values[:3].astype("float64"), 1)[None]
        return values[: self.samples]

    def _values(self, tif: tifffile.TiffFile, offset: int, part: int, path: Path) -> np.ndarray:
        """Dims `(samples, y, x)`."""
        page = _page(tif, offset)
        separate, depth, rows, columns, contiguous = page.shaped
        if (rows, columns) != self.kind.size or separate * contiguous != self.kind.samples or depth != 1:
            raise damaged(path, found=f"a page of {rows} x {columns} x {separate * contiguous}, unlike the first")
        if page.dtype != self.kind.stored:
            raise damaged(path, found=f"a page of {page.dtype}, unlike the first")
        if part:
            stored = self.kind.stored.newbyteorder(tif.byteorder)
            count = int(np.prod(page.shaped))
            place = page.dataoffsets[0] + part * count * stored.itemsize
            values = np.fromfile(path, stored, count, offset=place)
            if values.size != count:
                raise damaged(path, found=f"frame {part} ends after {values.size} of {count} values")
            values = values.reshape(page.shaped)
        else:
            values = page.asarray(squeeze=False, maxworkers=1)
        values = np.moveaxis(values[:, 0], -1, 1)
        return values.reshape(self.kind.samples, rows, columns).astype(self.kind.dtype, copy=False)
