"""PGM pictures (P5), gzipped or not; the comments in their header as the Finnish Meteorological Institute writes them.

Our own, since picture libraries stretch grey levels to the full range. Format: https://netpbm.sourceforge.net/doc/pgm.html
"""

from __future__ import annotations

import gzip
import re
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import xarray as xr

from nowcast.errors import InputError
from nowcast.readers.counting import rows_and_columns
from nowcast.readers.damage import LONGEST_SIDE, damaged
from nowcast.readers.formats.stacks import pixel_of
from nowcast.readers.lazy import lazily
from nowcast.readers.options import Options
from nowcast.readers.projections import centres, grid_mapping_of, projected, projected_axes

__all__ = ["PGMReader"]

LONGEST_HEADER = 65_536

RADIUS = 6_371_288.0
"""The sphere of FMI's composites: with it their corners give the metres per pixel that their headers state."""

GAIN, OFFSET, NO_ECHO, NODATA = 0.5, -32.0, -32.0, 255
"""FMI's reflectivity: dBZ = 0.5 v - 32, 0 is no echo and 255 outside of the coverage (FMI open data, radar)."""


@dataclass(frozen=True)
class _Header:
    comments: dict[str, str]
    rows: int
    columns: int
    largest: int
    size: int


class PGMReader:
    """One frame to a file. With FMI's comments it is reflectivity with time and projection; else grey levels."""

    name = "PGM"

    def recognises(self, path: Path) -> bool:
        if path.is_dir():
            return False
        try:
            with _opened(path) as file:
                start = file.read(3)
        except (OSError, EOFError, ValueError):
            return False
        return start[:2] == b"P5" and start[2:].isspace()

    def open(self, path: Path, options: Options) -> xr.Dataset:
        header = _read_header(path)
        dtype = np.dtype("uint8" if header.largest < 256 else "uint16")
        shape = (header.rows, header.columns)
        values = lazily(path, partial(_load, path, header), frames=1, shape=shape, dtype=dtype)[0]
        said = header.comments
        coords, pixel = _axes(path, header), pixel_of(options)
        if not coords and pixel is not None:
            coords = rows_and_columns(header.rows, header.columns, pixel)
        if "obstime" in said:
            coords["time"] = xr.Variable((), _moment(path, said["obstime"]), {"standard_name": "time"})
        mapping = {"grid_mapping": "crs"} if "crs" in coords else {}
        if said.get("param") != "CorrectedReflectivity":
            attrs = {"long_name": said.get("param", "grey level"), "units": "1", **mapping}
            return xr.Dataset({"grey_level": (("y", "x"), values, attrs)}, coords=coords)
        reflectivity: dict[str, Any] = {
            "units": "dBZ",
            "standard_name": "equivalent_reflectivity_factor",
            "long_name": " ".join(said[key] for key in ("producttype", "productname") if key in said),
            "scale_factor": GAIN,
            "add_offset": OFFSET,
            "_FillValue": dtype.type(NODATA),
            "no_echo_value": NO_ECHO,
        }
        return xr.Dataset({"reflectivity": (("y", "x"), values, reflectivity | mapping)}, coords=coords)


def _opened(path: Path) -> BinaryIO:
    file = path.open("rb")
    if file.read(2) == b"\x1f\x8b":
        file.close()
        return gzip.open(path, "rb")  # type: ignore[return-value]
    file.seek(0)
    return file


def _read_header(path: Path) -> _Header:
    """Magic, width, height and largest grey level, with comments between; after one blank comes the picture."""
    with _opened(path) as file:
        start = file.read(LONGEST_HEADER)
    comments: dict[str, str] = {}
    numbers: list[int] = []
    place = 2
    while len(numbers) < 3:
        found = re.compile(rb"\s*(?:#([^\n]*)\n|(\d{1,9}))").match(start, place)
        if found is None:
            raise damaged(
                path,
                "the header of a PGM picture ends early or makes no sense",
                needed="width, height and largest grey level",
            )
        place = found.end()
        if found[2] is not None:
            numbers.append(int(found[2]))
        else:
            key, _, value = found[1].decode("ascii", "replace").strip().rstrip("{}").partition(" ")
            comments.setdefault(key, value.strip())
    columns, rows, largest = numbers
    if not (0 < rows <= LONGEST_SIDE and 0 < columns <= LONGEST_SIDE and 0 < largest < 65536):
        raise damaged(
            path,
            "a PGM picture of an impossible size",
            found=f"{columns} x {rows}, grey levels to {largest}",
            needed=f"sides up to {LONGEST_SIDE}, grey levels to 65535",
        )
    return _Header(comments, rows, columns, largest, place + 1)


def _load(path: Path, header: _Header, _first: int, _stop: int) -> np.ndarray:
    dtype = np.dtype("u1" if header.largest < 256 else ">u2")
    needed = header.rows * header.columns * dtype.itemsize
    with _opened(path) as file:
        file.read(header.size)
        data = file.read(needed)
        beyond = len(file.read(64)) if len(data) == needed else 0  # reading to its end checks the sum of a gzip file
    if len(data) < needed or beyond > 1:
        raise damaged(
            path,
            "the picture is not the size that its header states",
            found=f"{len(data)} bytes" if len(data) < needed else "more bytes",
            needed=f"{needed} bytes, {header.columns} x {header.rows}",
        )
    return np.frombuffer(data, dtype).reshape(1, header.rows, header.columns)


def _moment(path: Path, text: str) -> np.datetime64:
    if not re.fullmatch(r"\d{12}", text):
        raise InputError(f"{path}: its obstime is no time", found=repr(text), needed="YYYYMMDDhhmm")
    try:
        return np.datetime64(f"{text[:4]}-{text[4:6]}-{text[6:8]}T{text[8:10]}:{text[10:]}", "ns")
    except ValueError as error:
        raise InputError(f"{path}: its obstime is no time", found=repr(text), needed="YYYYMMDDhhmm") from error


def _axes(path: Path, header: _Header) -> dict[str, xr.Variable]:
    """X and y by the stereographic projection and the corners in the comments; none where they say none."""
    said = header.comments
    if said.get("type") != "stereographic" or not {"bottomleft", "topright"} <= set(said):
        return {}
    try:
        lon, lat = zip(*(map(float, said[corner].split()) for corner in ("bottomleft", "topright")), strict=True)
        central, origin, true = (
            float(said[f"{name}"]) for name in ("centrallongitude", "centrallatitude", "truelatitude")
        )
    except (KeyError, ValueError) as error:
        raise InputError(f"{path}: its projection cannot be understood", found=str(error)) from error
    text: Any = f"+proj=stere +lat_0={origin} +lon_0={central} +lat_ts={true} +R={RADIUS:.0f} +units=m"
    (left, right), (bottom, top) = projected(text, lon, lat, label=str(path))
    width, height = (right - left) / header.columns, (top - bottom) / header.rows
    axes = projected_axes(centres(top, -height, header.rows), centres(left, width, header.columns))
    return {**axes, "crs": grid_mapping_of(text, label=str(path))}
