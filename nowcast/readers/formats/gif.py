"""GIF pictures whose palette stands for values: the index of each pixel, never its colour, through a stated table."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from nowcast.errors import InputError
from nowcast.readers.counting import counted, rows_and_columns
from nowcast.readers.damage import LONGEST_SIDE, reading
from nowcast.readers.formats.colours import colour_table
from nowcast.readers.formats.stacks import pixel_of
from nowcast.readers.lazy import lazily
from nowcast.readers.options import Options

__all__ = ["GIFReader"]

_MODES = ("P", "L")


class GIFReader:
    """One picture, or the frames of an animation of one palette. Its time is in its name, if anywhere."""

    name = "GIF"

    def recognises(self, path: Path) -> bool:
        if path.is_dir():
            return False
        with path.open("rb") as file:
            return file.read(6) in (b"GIF87a", b"GIF89a")

    def open(self, path: Path, options: Options) -> xr.Dataset:
        table = colour_table(options.colour_table, label=str(path))
        with reading(str(path)), _picture(path) as picture:
            columns, rows = picture.size
            frames = int(getattr(picture, "n_frames", 1))
            seconds = float(picture.info.get("duration", 0)) / 1000
            mode = picture.mode
        if mode not in _MODES or not (0 < rows <= LONGEST_SIDE and 0 < columns <= LONGEST_SIDE):
            raise InputError(f"{path}: a GIF without palette", found=f"{mode}, {columns} x {rows}", needed="indices")
        load = partial(_load, path, table.values)
        values = lazily(path, load, frames=frames, shape=(rows, columns), dtype="float32")
        pixel = pixel_of(options)
        coords: dict[str, xr.Variable] = {} if pixel is None else rows_and_columns(rows, columns, pixel)
        if frames == 1:
            return xr.Dataset({table.name: (("y", "x"), values[0], table.attrs)}, coords=coords)
        step = options.step_seconds() or seconds
        if not step:
            raise InputError(
                f"{path}: nothing says how far apart its {frames} frames are", next_step="--time-step 5min"
            )
        coords["time"] = counted(frames, step, options.first_moment())
        return xr.Dataset({table.name: (("time", "y", "x"), values, table.attrs)}, coords=coords)


def _picture(path: Path) -> Any:
    from PIL import GifImagePlugin, Image

    # Later frames of an animation would otherwise become RGB, and their indices would be lost.
    GifImagePlugin.LOADING_STRATEGY = GifImagePlugin.LoadingStrategy.RGB_AFTER_DIFFERENT_PALETTE_ONLY
    return Image.open(path, formats=["GIF"])


def _load(path: Path, values: np.ndarray, first: int, stop: int) -> np.ndarray:
    frames = []
    with _picture(path) as picture:
        for index in range(first, stop):
            picture.seek(index)
            if picture.mode not in _MODES:
                raise InputError(f"{path}: frame {index} has a palette of its own", needed="one palette for all frames")
            frames.append(values[np.asarray(picture)])
    return np.stack(frames)
