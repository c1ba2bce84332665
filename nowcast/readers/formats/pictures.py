"""Single pictures, PNG and JPEG, by Pillow: frames without a time, which many of them get by their natural order."""

from __future__ import annotations

import struct
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from PIL import Image

from nowcast.cube import COLOURS
from nowcast.errors import InputError, UnsafeError
from nowcast.readers.counting import rows_and_columns
from nowcast.readers.damage import damaged, told
from nowcast.readers.formats.stacks import pixel_of
from nowcast.readers.lazy import lazily
from nowcast.readers.options import Options

__all__ = ["PicturesReader"]

_PNG, _JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"

MOST_PIXELS = 2**26
"""Of a picture; a header that states more is taken for a trap."""

_DAMAGE = (OSError, SyntaxError, ValueError, EOFError, LookupError, TypeError, struct.error, zlib.error)
"""What Pillow raises for a damaged file; an OSError with a number is the machine's."""

_DEEP = {"I;16": "uint16", "I;16B": "uint16", "I;16L": "uint16", "I": "uint16"}
"""Modes of grey with 16 bits, and what they are read as."""


class PicturesReader:
    """One picture as grey levels, or as red, green and blue; NaN where it is fully transparent."""

    name = "pictures (PNG, JPEG)"

    def recognises(self, path: Path) -> bool:
        if path.is_dir():
            return False
        with path.open("rb") as file:
            return file.read(8).startswith((_PNG, _JPEG))

    def open(self, path: Path, options: Options) -> xr.Dataset:
        """Dims `(y, x)` or `(y, x, channel)`, without a time; units 1, row 0 at the top.

        Raises
        ------
        InputError
            Damaged; 16 bits of grey where colours are wanted.
        UnsafeError
            More than `MOST_PIXELS`.
        """
        with _opened(path) as picture:
            width, height = picture.size
            mode, transparent = picture.mode, _is_transparent(picture)
        if options.rgb and mode in _DEEP:
            raise InputError(f"{path}: has no colours", found="16 bits of grey", next_step="leave out --rgb")
        dtype = np.dtype("float32" if transparent else _DEEP.get(mode, "uint8") if not options.rgb else "uint8")
        shape = (height, width, 3) if options.rgb else (height, width)
        data = lazily(path, _Load(path, options.rgb), frames=1, shape=shape, dtype=dtype)[0]
        name, told = ("colour", "level of a colour") if options.rgb else ("grey", "grey level")
        dims = ("y", "x", "channel") if options.rgb else ("y", "x")
        coords: dict[str, Any] = dict(rows_and_columns(height, width, pixel_of(options)))
        if options.rgb:
            coords["channel"] = ("channel", list(COLOURS))
        return xr.Dataset(
            {name: (dims, data, {"long_name": told, "units": "1"})},
            coords=coords,
        )


class _Load:
    def __init__(self, path: Path, rgb: bool) -> None:
        self._path, self._rgb = path, rgb

    def __call__(self, first: int, stop: int) -> np.ndarray:
        with _opened(self._path) as picture:
            try:
                values = _values(picture, self._rgb)
            except _DAMAGE as error:
                raise damaged(self._path, found=told(error), needed="a complete picture") from error
        return values[None]


def _values(picture: Image.Image, rgb: bool) -> np.ndarray:
    if not rgb and picture.mode in _DEEP:
        values = np.asarray(picture).astype(_DEEP[picture.mode])
        code = picture.info.get("transparency")
        return values if code is None else np.where(values == code, np.float32("nan"), values.astype("float32"))
    if not _is_transparent(picture):
        return np.asarray(picture.convert("RGB" if rgb else "L"))
    solid = picture.convert("RGBA")
    values = np.asarray(solid.convert("RGB" if rgb else "L")).astype("float32")
    values[np.asarray(solid.getchannel("A")) == 0] = np.nan
    return values


def _is_transparent(picture: Image.Image) -> bool:
    return "A" in picture.mode or "transparency" in picture.info


def _opened(path: Path) -> Image.Image:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # we have our own limit
            picture = Image.open(path, formats=("PNG", "JPEG"))
    except Image.DecompressionBombError as error:  # at twice Pillow's own limit
        raise UnsafeError(f"{path}: larger than pictures are", found=str(error)) from error
    except _DAMAGE as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise damaged(path, found=told(error), needed="a complete picture") from error
    width, height = picture.size
    if width * height > MOST_PIXELS:
        picture.close()
        raise UnsafeError(
            f"{path}: a picture of {width} x {height} pixels is not decoded", needed=f"at most {MOST_PIXELS} pixels"
        )
    return picture
