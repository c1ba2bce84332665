"""TIFF: as ImageJ and OME write it, and plain stacks of which the user says what they are. Page by page, by tifffile.

ImageJ's description is that of https://imagej.net/ij/developer/source/ij/io/FileInfo.java.html. The resolution of other
TIFF files is that of a print, and is not taken for the size of a pixel.
"""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from nowcast.errors import InputError
from nowcast.readers.damage import damaged, parsing
from nowcast.readers.formats.stacks import Stack, dataset_of, in_seconds, length_in_um
from nowcast.readers.formats.tiff.ome_xml import Image, images_of, metadata_file
from nowcast.readers.formats.tiff.pages import Pages, is_tiff, pages_of
from nowcast.readers.formats.tiff.planes import MISSING, Layout, frames_of, opened, placed
from nowcast.readers.options import Options

__all__ = ["TIFFReader"]

MOST_ABSENT = 1000
"""Planes that OME-XML may speak of beyond 16 times the pages that are there; more is taken for damage."""

LARGEST_XML = 2**28

_IMAGEJ_ORDERS = {"czt": "TZC", "default": "TZC", "ctz": "ZTC", "zct": "TCZ", "ztc": "CTZ", "tcz": "ZCT", "tzc": "CZT"}


class TIFFReader:
    """Stacks of frames; what the file says of itself wins over the options."""

    name = "TIFF (ImageJ, OME)"

    def recognises(self, path: Path) -> bool:
        return not path.is_dir() and is_tiff(path)

    def open(self, path: Path, options: Options) -> xr.Dataset:
        """Dims `(time, [channel,] y, x)`, or without time for a single frame; y and x in um where that is known.

        The field's `encoding["files"]` names all files of an OME-TIFF that are read with this one.

        Raises
        ------
        InputError
            Damaged or cut short (without `options.missing`); an axis, a time step or what becomes of planes along z is
            not known.
        MachineError
            The package imagecodecs is lacking, which the compression needs.
        UnsafeError
            Files elsewhere are named, or pages claim far more than their bytes.
        """
        with parsing(str(path)):
            pages = pages_of(path)
            _refuse_absent(not pages.complete, len(pages.pages) + 1, pages, options, "pages")
            with opened(path) as tif:
                first = tif.pages.first
                text = first.description
                resolution = [first.tags.valueof(code) for code in (283, 282)]
            if text.rstrip("\0 \r\n\t").endswith("OME>"):
                stacks = _ome(text, pages, options)
            elif text.startswith("ImageJ="):
                stacks = [_imagej(_entries(text), resolution, pages, options)]
            else:
                stacks = [_plain(text, pages, options)]
            return dataset_of(stacks, path, options)


def _entries(text: str) -> dict[str, str]:
    pairs = (line.split("=", 1) for line in text.replace("\0", "\n").splitlines() if "=" in line)
    return {key.strip(): value.strip() for key, value in pairs}


def _imagej(entries: dict[str, str], resolution: list[Any], pages: Pages, options: Options) -> Stack:
    path = pages.path
    sizes = {axis: int(entries.get(key, 1)) for axis, key in (("T", "frames"), ("Z", "slices"), ("C", "channels"))}
    if min(sizes.values()) < 1:
        raise damaged(path, found=f"an ImageJ description of {sizes}")
    axes = _IMAGEJ_ORDERS.get(entries.get("order", "czt").lower(), "TZC")
    held = max(len(pages.pages), int(entries.get("images", 1)))
    if math.prod(sizes.values()) > 1 and sizes["C"] > 1 and math.prod(sizes.values()) // sizes["C"] == held:
        sizes["C"] = 1  # the samples of a page are the channels
    shape = tuple(sizes[axis] for axis in axes)
    if math.prod(shape) != held and math.prod(shape) < len(pages.pages):
        axes, shape = "Q", (len(pages.pages),)
    elif math.prod(shape) == 1 and held > 1:
        axes, shape = "Q", (held,)
    elif axes == "TZC" and sizes["T"] == sizes["C"] == 1 < sizes["Z"] and "hyperstack" not in entries:
        # ImageJ calls the frames of any stack slices, until it is told that they are times
        axes, shape = ("TZC", shape) if options.z is not None and not options.axes else ("Q", (sizes["Z"],))
    step = in_seconds(float(entries.get("finterval", 0)), entries.get("tunit", "s"))
    pixel = [_imagej_size(ratio, entries, side) for ratio, side in zip(resolution, "yx", strict=True)]
    told = (pixel[0], pixel[1]) if pixel[0] and pixel[1] else None
    axes, shape = _named(axes, shape, pages, options, step)
    data, absent, colours = _frames(axes, _consecutive(shape, pages, options), pages, options)
    return Stack("image", data, step=step, pixel=told, channels=colours, attrs=absent)


def _imagej_size(ratio: Any, entries: dict[str, str], side: str) -> tuple[float, str] | None:
    """The size of a pixel: ImageJ keeps pixels per `unit` where TIFF keeps those of a print; `yunit` may differ."""
    unit = entries.get("yunit" if side == "y" and "yunit" in entries else "unit", "")
    if not (isinstance(ratio, tuple) and len(ratio) == 2 and ratio[0]):
        return None
    return length_in_um(ratio[1] / ratio[0], unit)


def _plain(text: str, pages: Pages, options: Options) -> Stack:
    """A stack of which at most the lengths of the axes are known: tifffile writes `{"shape": [...], "axes": ...}`."""
    sound = [page for page in pages.pages if not page.reduced] or list(pages.pages)
    pages = Pages(pages.path, tuple(sound), pages.complete, pages.size)
    axes = "Q"
    shape: tuple[int, ...] = (len(sound),)
    if text.startswith("{") and '"shape"' in text:
        axes, shape = _shaped(text, pages) or (axes, shape)
    if len(sound) == 1 and shape == (1,):
        axes = "T"
    axes, shape = _named(axes, shape, pages, options, None)
    data, absent, colours = _frames(axes, _consecutive(shape, pages, options), pages, options)
    return Stack("image", data, channels=colours, attrs=absent)


def _shaped(text: str, pages: Pages) -> tuple[str, tuple[int, ...]] | None:
    """The axes of the planes by what tifffile noted; None if that does not fit the pages."""
    try:
        noted = json.loads(text)
        shape = [int(size) for size in noted["shape"]]
        told = str(noted.get("axes", "")).upper()
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    with opened(pages.path) as tif:
        size = math.prod(tif.pages.first.shaped)
    if min(shape, default=0) < 1 or size < 1:
        return None
    planes, rest = divmod(math.prod(shape), size)
    fits = not rest and (planes == len(pages.pages) or len(pages.pages) == 1 or not pages.complete)
    leading = next((n for n in range(len(shape) + 1) if math.prod(shape[:n]) == planes), None)
    if not fits or leading is None:
        return None
    axes = told if len(told) == len(shape) else "Q" * len(shape)
    return axes[:leading], tuple(shape[:leading])


def _named(
    axes: str, shape: tuple[int, ...], pages: Pages, options: Options, step: float | None
) -> tuple[str, tuple[int, ...]]:
    """The axes that the user, or else the file, names; those of length one that nobody names are left out.

    Raises
    ------
    InputError
        Nobody names one of them, or the user's letters do not fit.
    """
    path = pages.path
    kept = [(axis, size) for axis, size in zip(axes, shape, strict=True) if axis in "TZC" or size > 1]
    unknown = [axis for axis, _ in kept if axis not in "TZC"] or len({axis for axis, _ in kept}) < len(kept)
    if not unknown:
        return "".join(axis for axis, _ in kept), tuple(size for _, size in kept)
    sizes = tuple(size for _, size in kept)
    told = " x ".join(map(str, sizes))
    if options.axes is None:
        rest = "" if options.time_step is not None or step else " --time-step 30s"
        rest += "" if options.pixel_size is not None else " [--pixel-size 0.35um]"
        letters = {1: "T", 2: "TZ", 3: "TZC"}.get(len(sizes), "...")
        raise InputError(
            f"{path}: does not say what its frames are: times, planes along z or channels",
            found=f"{told} pages without a name of their axes",
            needed="a letter for each axis: T time, Z planes, C channel, Y rows, X columns",
            next_step=f"--axes {letters}YX{rest}" + ("   (planes of one time: --axes ZYX --z max)" if rest else ""),
        )
    letters = options.axes.strip().upper()
    planes = letters.removesuffix("S").removesuffix("YX")
    wrong = set(letters) - set("TZCYXS") or len(set(letters)) < len(letters)
    if wrong or not letters.removesuffix("S").endswith("YX"):
        raise InputError(
            f"{path}: --axes {options.axes!r} cannot be understood",
            needed="each of T, Z, C at most once, then YX (then S for colours)",
            next_step="--axes TYX",
        )
    if len(planes) != len(sizes):
        raise InputError(
            f"{path}: --axes {options.axes!r} does not fit",
            found=f"{told} pages of rows and columns: {len(sizes) + 2} axes",
            needed=f"{len(sizes) + 2} letters",
            next_step=f"--axes {'TZC'[: len(sizes)]}YX",
        )
    return planes, sizes


def _consecutive(shape: tuple[int, ...], pages: Pages, options: Options) -> tuple[np.ndarray, int]:
    """The planes, dims `(*shape, 3)`, that are the pages one after another; and how many are not there.

    ImageJ writes files beyond 4 GB, and tifffile any uncompressed stack, with one page that all frames follow.
    """
    total = math.prod(shape)
    first = pages.pages[0]
    if len(pages.pages) == 1 < total and first.compression == 1 and first.nbytes:
        there = min(total, max(0, pages.size - first.data) // first.nbytes)
        _refuse_absent(total - there, total, pages, options)
        planes = np.zeros((total, 3), "int64")
        planes[:, 1] = np.where(np.arange(total) < there, first.offset, MISSING)
        planes[:, 2] = np.arange(total)
        return planes.reshape(*shape, 3), total - there
    if total > 16 * len(pages.pages) + MOST_ABSENT:
        raise damaged(pages.path, found=f"{len(pages.pages)} pages for {total} planes")
    planes, lost = placed((pages,), np.arange(total))
    _refuse_absent(lost, total, pages, options)
    return planes.reshape(*shape, 3), lost


def _refuse_absent(lost: int, total: int, pages: Pages, options: Options, what: str = "planes") -> None:
    if lost and not options.lenient():
        raise InputError(
            f"{pages.path}: damaged, {lost} of {total} {what} are not there"
            + (" at least, its list of pages breaks off" if not pages.complete else ""),
            found=f"{len(pages.pages)} pages, {pages.size} bytes",
            needed="a complete file",
            next_step="fetch or write it again, or read what is there, the rest as missing: --missing nan",
        )


def _frames(
    axes: str, found: tuple[np.ndarray, int], pages: Pages, options: Options, files: tuple[Pages, ...] = ()
) -> tuple[Any, dict[str, Any], tuple[str, ...]]:
    planes, lost = found
    data, colours = frames_of(Layout(axes, planes, files or (pages,)), pages.path, options)
    total = math.prod(planes.shape[:-1])
    return data, {"absent_frames": f"{lost} of {total} planes, read as missing"} if lost else {}, colours


def _ome(text: str, pages: Pages, options: Options) -> list[Stack]:
    path = pages.path
    beside = metadata_file(text, path)
    if beside is not None:
        if beside.stat().st_size > LARGEST_XML:
            raise damaged(beside, found=f"{beside.stat().st_size} bytes of XML")
        text = beside.read_text(encoding="utf-8", errors="replace")
    images = images_of(text, path)
    # an own name that no file bears: the file was renamed
    named = {run.file for image in images for run in image.runs if run.file is not None}
    alone = len(named) == 1 and not path.with_name(next(iter(named))).exists()
    files: dict[str | None, Pages] = {None: pages, path.name: pages, **({next(iter(named)): pages} if alone else {})}
    absent = []
    for name in sorted(named - {str(known) for known in files}):
        other = path.with_name(name)
        if other.is_file() and is_tiff(other):
            files[name] = pages_of(other)
        else:
            absent.append(name)
    if absent and not options.lenient():
        raise InputError(
            f"{path}: {len(absent)} of the {len(named | {path.name})} files that hold its frames are not there",
            found=f"no {absent[0]}" + (f" and {len(absent) - 1} more" if len(absent) > 1 else ""),
            needed="all of them in one folder, by their own names",
            next_step="fetch them too, or read what is there, the rest as missing: --missing nan",
        )
    stacks = [_ome_stack(image, pages, files, options) for image in images]
    return [replace(stack, encoding={"files": sorted({str(file.path) for file in files.values()})}) for stack in stacks]


def _ome_stack(image: Image, pages: Pages, files: dict[str | None, Pages], options: Options) -> Stack:
    distinct = tuple(dict.fromkeys(files.values()))
    total = math.prod(image.shape)
    held = sum(len(file.pages) for file in distinct)
    if total > 16 * held + MOST_ABSENT:
        raise damaged(pages.path, found=f"OME-XML of {total} planes, and {held} pages")
    numbers = np.full(total, -1)
    sources = np.zeros(total, "int64")
    for run in image.runs:
        file = files.get(run.file)
        if file is None:
            continue
        count = min(len(file.pages) if run.count is None else run.count, total - run.first)
        numbers[run.first : run.first + count] = np.arange(run.page, run.page + count)
        sources[run.first : run.first + count] = distinct.index(file)
    planes, lost = placed(distinct, numbers, sources)
    _refuse_absent(lost, total, pages, options)
    found = planes.reshape(*image.shape, 3), lost
    data, absent, colours = _frames(image.axes, found, pages, options, distinct)
    own = {key: value for key, value in image.notes.items() if not key.startswith("dim_")}
    return Stack(
        image.name,
        data,
        step=image.step,
        start=image.start,
        offsets=None if image.step else image.offsets,
        pixel=image.pixel,
        channels=image.channels if data.shape[1] == len(image.channels) else colours,
        attrs={**own, **absent},
    )
