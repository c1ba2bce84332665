"""What OME-XML says of images: names, time step, pixel size, channels, and the files that hold their planes.

Schema: https://docs.openmicroscopy.org/ome-model/6.3.1/ (Goldberg et al. 2005, https://doi.org/10.1186/gb-2005-6-5-r47)
"""

from __future__ import annotations

from dataclasses import dataclass, field
from xml.etree import ElementTree

import pandas as pd

from nowcast.errors import InputError, UnsafeError

__all__ = ["OMEImage", "SECONDS", "spelled_length", "understood"]

LARGEST = 50_000_000

SECONDS = {"ns": 1e-9, "µs": 1e-6, "us": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_LENGTHS = {"µm": "um", "μm": "um", "micron": "um", "microns": "um", "micrometer": "um", "micrometre": "um"}


@dataclass(frozen=True)
class OMEImage:
    """One image: seconds between its frames and the moment of the first, if said; size of a pixel with its unit."""

    name: str
    step: float | None
    start: pd.Timestamp | None
    pixel: tuple[float, float, str] | None
    channels: list[str]
    files: dict[str, list[tuple[int, int, int]]] = field(default_factory=dict)
    """Other files by name, with the (time, channel, z) of the planes that they hold."""


def understood(text: str, *, label: str) -> list[OMEImage]:
    """The images that OME-XML describes.

    Raises
    ------
    InputError
        It is no XML, or says what cannot be.
    UnsafeError
        It declares entities, or names files outside of its own folder.
    """
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise UnsafeError(f"{label}: its OME-XML declares entities", needed="plain OME-XML")
    if len(text) > LARGEST:
        raise InputError(f"{label}: its OME-XML is too long", found=f"{len(text):,} characters")
    try:
        root = ElementTree.fromstring(text)  # noqa: S314  (no entities in it)
        return [_image(node, label) for node in root.iter() if _local(node) == "Image"]
    except (ElementTree.ParseError, ValueError, TypeError, RecursionError) as error:
        raise InputError(
            f"{label}: damaged, its OME-XML cannot be read", found=str(error), next_step="write it again"
        ) from error


def spelled_length(unit: str) -> str:
    """Units of length as cubes spell them: micrometres are `um`."""
    return _LENGTHS.get(unit.strip(), unit.strip())


def _local(node: ElementTree.Element) -> str:
    return str(node.tag).rsplit("}", 1)[-1]


def _image(node: ElementTree.Element, label: str) -> OMEImage:
    pixels = next((child for child in node if _local(child) == "Pixels"), None)
    if pixels is None:
        raise ValueError("an Image without Pixels")
    date = next((child.text for child in node if _local(child) == "AcquisitionDate"), None)
    files: dict[str, list[tuple[int, int, int]]] = {}
    for data in (child for child in pixels if _local(child) == "TiffData"):
        for uuid in (child for child in data if _local(child) == "UUID" and child.get("FileName")):
            first = tuple(int(data.get(f"First{axis}", 0)) for axis in "TCZ")
            files.setdefault(_plain_name(str(uuid.get("FileName")), label), []).append((first[0], first[1], first[2]))
    names = [str(child.get("Name") or "") for child in pixels if _local(child) == "Channel"]
    return OMEImage(
        name=str(node.get("Name") or ""),
        step=_step(pixels),
        start=_moment(date),
        pixel=_pixel(pixels),
        channels=names,
        files=files,
    )


def _plain_name(name: str, label: str) -> str:
    if name in ("", ".", "..") or any(sign in name for sign in "/\\\0:"):
        raise UnsafeError(
            f"{label}: leads to a file outside of its folder, which is not opened",
            found=repr(name),
            needed="the name of a file beside it",
        )
    return name


def _step(pixels: ElementTree.Element) -> float | None:
    """`TimeIncrement`, else the distance of the first planes of the frames (`DeltaT`), in seconds."""
    told = pixels.get("TimeIncrement")
    if told is not None and float(told) > 0:
        return float(told) * SECONDS[pixels.get("TimeIncrementUnit", "s")]
    planes = [child for child in pixels if _local(child) == "Plane" and child.get("DeltaT") is not None]
    firsts = {
        int(plane.get("TheT", 0)): float(str(plane.get("DeltaT"))) * SECONDS[plane.get("DeltaTUnit", "s")]
        for plane in planes
        if plane.get("TheC", "0") == "0" and plane.get("TheZ", "0") == "0"
    }
    if len(firsts) < 2:
        return None
    span = (firsts[max(firsts)] - firsts[min(firsts)]) / (max(firsts) - min(firsts))
    return span if span > 0 else None


def _moment(text: str | None) -> pd.Timestamp | None:
    if not text:
        return None
    try:
        stamp = pd.Timestamp(text)
    except (ValueError, OverflowError):
        return None
    if stamp is pd.NaT or stamp.year < 1950:
        return None
    return stamp if stamp.tzinfo is None else stamp.tz_convert("UTC").tz_localize(None)


def _pixel(pixels: ElementTree.Element) -> tuple[float, float, str] | None:
    sizes = [pixels.get(f"PhysicalSize{axis}") for axis in "YX"]
    units = {spelled_length(pixels.get(f"PhysicalSize{axis}Unit", "µm")) for axis in "YX"}
    if sizes[0] is None or sizes[1] is None or len(units) > 1:
        return None
    rows, columns = float(sizes[0]), float(sizes[1])
    return (rows, columns, units.pop()) if rows > 0 and columns > 0 else None
