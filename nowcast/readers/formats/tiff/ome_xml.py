"""What the OME-XML of an OME-TIFF says: images, their axes, sizes, times and channels, and where their planes lie.

OME-TIFF specification, https://ome-model.readthedocs.io/en/stable/ome-tiff/specification.html.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pandas as pd

from nowcast.errors import InputError, UnsafeError
from nowcast.readers.damage import damaged
from nowcast.readers.formats.stacks import in_seconds, length_in_um

__all__ = ["NAMESPACE", "Image", "Run", "images_of", "metadata_file", "plain_name"]

NAMESPACE = "nowcast"
"""Of the map annotations in which our own writer keeps what OME has no word for."""

_ORDER = re.compile(r"XY(?=[ZCT]{3}$)(?!.*(.).*\1)[ZCT]{3}")


@dataclass(frozen=True)
class Run:
    """Planes `first:first + count` of an image, in its dimension order, are the pages from `page` on of a file.

    `count` None: all pages of the file. `file` None: the file that holds the XML, or the one of the UUID given.
    """

    first: int
    count: int | None
    page: int
    file: str | None


@dataclass(frozen=True)
class Image:
    """One image; `axes` are letters with the sizes `shape`, slowest first; a channel holds `samples` samples."""

    name: str
    axes: str
    shape: tuple[int, int, int]
    samples: int
    runs: tuple[Run, ...]
    step: float | None
    start: pd.Timestamp | None
    offsets: tuple[float, ...] | None
    pixel: tuple[tuple[float, str], tuple[float, str]] | None
    channels: tuple[str, ...]
    notes: dict[str, str]


def images_of(text: str, path: Path) -> list[Image]:
    """The images that the XML describes.

    Raises
    ------
    InputError
        It is no OME-XML.
    UnsafeError
        It defines entities, or names files elsewhere.
    """
    root = _parsed(text, path)
    notes = {
        annotation.get("ID", ""): {entry.get("K", ""): entry.text or "" for entry in _all(annotation, "M")}
        for annotation in _all(root, "MapAnnotation")
        if annotation.get("Namespace") == NAMESPACE
    }
    own = root.get("UUID")
    images = []
    try:
        for number, element in enumerate(_children(root, "Image")):
            pixels = next(iter(_children(element, "Pixels")), None)
            if pixels is not None:
                images.append(_image(element, pixels, number, own, notes, path))
    except (KeyError, ValueError, OverflowError) as error:
        raise _damaged(path, found=f"{type(error).__name__} {error}") from error
    if not images:
        raise _damaged(path, found="no images")
    return images


def metadata_file(text: str, path: Path) -> Path | None:
    """The file beside `path` that holds the XML, if this one only points to it (`BinaryOnly`).

    Raises
    ------
    InputError
        It is not there.
    UnsafeError
        It is said to lie elsewhere.
    """
    pointer = next(iter(_children(_parsed(text, path), "BinaryOnly")), None)
    if pointer is None:
        return None
    name = plain_name(pointer.get("MetadataFile", ""), path)
    beside = path.with_name(name)
    if not beside.is_file():
        raise InputError(
            f"{path}: its metadata lie in another file, which is missing",
            found=f"no {beside}",
            needed="both in one folder, by their own names",
            next_step=f"copy {name} beside it",
        )
    return beside


def plain_name(name: str, path: Path) -> str:
    """The name, if it is one of a file in the same folder.

    Raises
    ------
    UnsafeError
        It leads elsewhere.
    """
    if not name or name in (".", "..") or re.search(r"[/\\:\x00-\x1f]", name):
        raise UnsafeError(
            f"{path}: names a file that does not lie beside it",
            found=repr(name)[:200],
            needed="plain names of files in the same folder",
            next_step="see where the file comes from",
        )
    return name


def _parsed(text: str, path: Path) -> ET.Element:
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise UnsafeError(f"{path}: its OME-XML defines entities, which are not read", needed="plain OME-XML")
    try:
        root = ET.fromstring(text[text.find("<") :].rstrip("\0 \r\n\t"))  # noqa: S314  (no entities, see above)
    except (ET.ParseError, ValueError) as error:
        raise _damaged(path, found=str(error)) from error
    if _tag(root) != "OME":
        raise _damaged(path, found=f"an element {_tag(root)!r}")
    return root


def _damaged(path: Path, found: str) -> InputError:
    return damaged(
        path,
        "its OME-XML cannot be understood",
        found=found[:300],
        needed="OME-XML with images",
    )


def _tag(element: ET.Element) -> str:
    return str(element.tag).rsplit("}", 1)[-1]


def _children(element: ET.Element, name: str) -> list[ET.Element]:
    return [child for child in element if _tag(child) == name]


def _all(element: ET.Element, name: str) -> list[ET.Element]:
    return [child for child in element.iter() if _tag(child) == name]


def _image(
    element: ET.Element,
    pixels: ET.Element,
    number: int,
    own: str | None,
    notes: dict[str, dict[str, str]],
    path: Path,
) -> Image:
    order = pixels.attrib["DimensionOrder"]
    if not _ORDER.fullmatch(order):
        raise ValueError(f"DimensionOrder {order!r}")
    channels = _children(pixels, "Channel")
    spp = {int(channel.get("SamplesPerPixel", "1")) for channel in channels} or {1}
    if len(spp) > 1 or min(spp) < 1:
        raise ValueError(f"SamplesPerPixel {sorted(spp)}")
    samples = spp.pop()
    sizes = {axis: int(pixels.attrib[f"Size{axis}"]) for axis in "ZCT"}
    if min(sizes.values()) < 1 or sizes["C"] % samples:
        raise ValueError(f"sizes {sizes} of {samples} samples")
    sizes["C"] //= samples
    axes = order[:1:-1]
    names = [channel.get("Name", "") for channel in channels]
    refs = [ref.get("ID", "") for ref in _children(element, "AnnotationRef")]
    return Image(
        name=element.get("Name") or element.get("ID") or f"image {number}",
        axes=axes,
        shape=(sizes[axes[0]], sizes[axes[1]], sizes[axes[2]]),
        samples=samples,
        runs=tuple(_run(data, axes, sizes, own, path) for data in _children(pixels, "TiffData")),
        step=_step(pixels),
        start=_start(element),
        offsets=_offsets(pixels, sizes["T"]),
        pixel=_pixel(pixels),
        channels=tuple(names) if len(set(names)) == len(names) == sizes["C"] and all(names) else (),
        notes=next((notes[ref] for ref in refs if ref in notes), {}),
    )


def _run(data: ET.Element, axes: str, sizes: dict[str, int], own: str | None, path: Path) -> Run:
    first = 0
    for axis in axes:
        place = int(data.get(f"First{axis}", "0"))
        if not 0 <= place < sizes[axis]:
            raise ValueError(f"First{axis} {place} of {sizes[axis]}")
        first = first * sizes[axis] + place
    count = data.get("PlaneCount") or ("1" if "IFD" in data.attrib else None)
    uuid = next(iter(_children(data, "UUID")), None)
    file = None
    if uuid is not None and "FileName" in uuid.attrib and (uuid.text is None or uuid.text != own):
        file = plain_name(uuid.attrib["FileName"], path)
    return Run(first, None if count is None else int(count), int(data.get("IFD", "0")), file)


def _step(pixels: ET.Element) -> float | None:
    text = pixels.get("TimeIncrement")
    return None if text is None else in_seconds(float(text), pixels.get("TimeIncrementUnit", "s"))


def _start(element: ET.Element) -> pd.Timestamp | None:
    date = next(iter(_children(element, "AcquisitionDate")), None)
    if date is None or not (date.text or "").strip():
        return None
    try:
        stamp = pd.Timestamp((date.text or "").strip())
    except (ValueError, OverflowError):
        return None
    if stamp is pd.NaT or stamp.year <= 1970:
        return None  # what writers put there that know no date
    return stamp if stamp.tzinfo is None else stamp.tz_convert("UTC").tz_localize(None)


def _offsets(pixels: ET.Element, frames: int) -> tuple[float, ...] | None:
    """Seconds of each frame after the start, by its first plane that tells; None if not all do, or none rise."""
    found: dict[int, float] = {}
    for plane in _children(pixels, "Plane"):
        if "DeltaT" in plane.attrib and "TheT" in plane.attrib:
            span = float(plane.attrib["DeltaT"])
            seconds = 0.0 if span == 0 else in_seconds(span, plane.get("DeltaTUnit", "s"))
            if seconds is not None:
                found.setdefault(int(plane.attrib["TheT"]), seconds)
    told = tuple(found[frame] for frame in range(frames)) if all(frame in found for frame in range(frames)) else ()
    rising = all(later > earlier for earlier, later in pairwise(told))
    return told if len(told) > 1 and rising else None


def _pixel(pixels: ET.Element) -> tuple[tuple[float, str], tuple[float, str]] | None:
    y, x = (
        length_in_um(float(pixels.get(f"PhysicalSize{axis}", "0")), pixels.get(f"PhysicalSize{axis}Unit", "µm"))
        for axis in "YX"
    )
    return (y, x) if y is not None and x is not None else None
