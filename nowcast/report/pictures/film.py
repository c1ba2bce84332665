"""One case as moving pictures and as a still sheet: truth, model and baselines side by side."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from PIL import Image

from nowcast.cube import grid_step
from nowcast.errors import printable
from nowcast.report.pictures.canvas import Canvas, Palette, text_width
from nowcast.report.pictures.colours import MISSING, field_colours
from nowcast.report.wording import lead_texts, number

__all__ = ["MOST_BYTES", "Film", "palette_of"]

PANEL = 420
"""Pixels of a panel's longer side that are aimed at; a field of half as many or more is drawn pixel by pixel."""

GAP = 14
MILLISECONDS, PAUSE = 450, 1400
MOST_BYTES = 420_000
SMALLEST = 64
SHEET_COLUMNS = 4
LENGTHS = {"m", "km", "metre", "meter", "um", "µm", "micrometer", "mm"}
"""Units that a bar of length is drawn in."""


def palette_of(cases: xr.Dataset) -> Palette:
    """One palette for all cases, so that they can be compared."""
    field = cases["field"]
    step = np.diff(cases["lead_time"].values)[:1]
    times = np.datetime64(0, "ns") + np.arange(2) * (step[0] if len(step) else np.timedelta64(0, "ns"))
    # Whether it is rain, and what an amount per time step is as a rate, is asked of a cube.
    cube = xr.DataArray(
        field.values[0, 0, :1][[0] * 2][:, None],
        dims=("time", "channel", "y", "x"),
        coords={"time": times, **{axis: field[axis] for axis in ("y", "x")}},
        name=str(cases.attrs.get("variable", "field")),
        attrs=field.attrs,
    )
    return Palette(*field_colours(cube, [field.values]), MISSING)


class Film:
    """How one case is drawn.

    Parameters
    ----------
    case
        `field` of one case: dims `(forecaster, lead_time, y, x)`, north up; the first lead time may be 0.
    palette
        From `palette_of`.
    title
        What the colours mean: name and units.
    most
        Bytes of a picture beyond which it is drawn coarser, as long as anything can be seen on it.
    stamps
        What stands over each frame; None: the lead times.
    milliseconds
        That each frame stays.
    """

    def __init__(
        self,
        case: xr.DataArray,
        palette: Palette,
        title: str,
        *,
        most: int = MOST_BYTES,
        stamps: Sequence[str] | None = None,
        milliseconds: int = MILLISECONDS,
    ) -> None:
        self._most = most
        self.milliseconds = milliseconds
        self._palette, self._title = palette, printable(title)
        self._names = [printable(str(name)) for name in case["forecaster"].values]
        self._leads = ["+" + text for text in lead_texts(case["lead_time"])] if stamps is None else list(stamps)
        self._values = case.values
        step = grid_step(case)
        known = step is not None and step["units"] in LENGTHS and abs(step["y"] - step["x"]) <= 0.01 * step["x"]
        self._step = (step["x"], step["units"]) if known and step is not None else None

    def images(self) -> list[Image.Image]:
        """The frames of the animation, of mode P, as large as they are."""
        return self._frames(self._values, 1)

    def animation(self) -> bytes:
        """An animated PNG."""
        values, times = self._values, 1
        while True:
            data = _packed(self._frames(values, times), self.milliseconds)
            if len(data) <= self._most or max(values.shape[-2:]) // 2 < SMALLEST:
                return data
            values, times = _halved(values), 2 * times

    def sheet(self) -> bytes:
        """A PNG: forecasters from top to bottom, a few lead times from left to right."""
        values, times = self._values, 1
        while True:
            data = self._still(values, times)
            if len(data) <= self._most or max(values.shape[-2:]) // 2 < SMALLEST:
                return data
            values, times = _halved(values), 2 * times

    def _frames(self, values: np.ndarray, times: int) -> list[Image.Image]:
        count, factor = len(self._names), _factor(values)
        across = count if count in (1, 3) else 2 if count <= 4 else 3
        height, width = (length * factor for length in values.shape[-2:])
        size = max(14, width // 14)
        line = size + 10
        down = math.ceil(count / across)
        total = across * width + (across - 1) * GAP
        ground = Canvas(total, line + down * (height + line) + 8 + 3 * size + 12, self._palette)
        places = [
            ((index % across) * (width + GAP), line + (index // across) * (height + line) + line)
            for index in range(count)
        ]
        for name, (left, top) in zip(self._names, places, strict=True):
            ground.text(name, left, top - line + 4, size=size)
        self._foot(ground, total, line + down * (height + line) + 8, size, factor / times)
        images = []
        widest = max(text_width(text, size + 3) for text in self._leads)
        head = int((size + 3) * min(1.0, total / widest)) if widest else size + 3
        for lead, text in enumerate(self._leads):
            canvas = ground.copy()
            canvas.text(text, 0, 2, size=head)
            for index, (left, top) in enumerate(places):
                canvas.paste(_grown(self._palette.index(values[index, lead]), factor), left, top)
            images.append(canvas.image())
        return images

    def _still(self, values: np.ndarray, times: int) -> bytes:
        factor = _factor(values, PANEL // 2)
        height, width = (length * factor for length in values.shape[-2:])
        first = 1 if len(self._leads) > 1 else 0
        leads = np.unique(np.linspace(first, len(self._leads) - 1, SHEET_COLUMNS).round().astype(int))
        size = max(14, width // 13)
        line = size + 8
        margin = int(max(text_width(name, size) for name in self._names)) + GAP
        total = margin + len(leads) * (width + GAP) - GAP
        canvas = Canvas(total, line + len(self._names) * (height + GAP) + 6 + 3 * size + 12, self._palette)
        for row, name in enumerate(self._names):
            top = line + row * (height + GAP)
            canvas.text(name, 0, top + height / 2, size=size, anchor="lm")
            for column, lead in enumerate(leads):
                left = margin + column * (width + GAP)
                canvas.paste(_grown(self._palette.index(values[row, lead]), factor), left, top)
                if row == 0:
                    canvas.text(self._leads[lead], left + width / 2, 2, size=size, anchor="ma")
        self._foot(canvas, total, line + len(self._names) * (height + GAP) + 6, size, factor / times)
        return _packed([canvas.image()], self.milliseconds)

    def _foot(self, canvas: Canvas, total: int, top: int, size: int, zoom: float) -> None:
        """The colours and what they mean; on the right a length."""
        small = max(12, size - 3)
        bar = size - 2
        length = self._length(total / 3 / zoom)
        room = total if length is None else total - round(length[0] * zoom) - 3 * GAP
        if length is not None:
            pixels, text = length
            wide = round(pixels * zoom)
            canvas.bar(total - wide, top + 4, wide, 4)
            canvas.text(text, total, top + 14, size=small, anchor="ra")
        levels = self._palette.levels
        room = min(room, 460)
        if levels is not None:
            width = room // self._palette.count
            for index in range(self._palette.count):
                canvas.paste(np.full((bar, width), index, "uint8"), index * width, top)
            every = math.ceil(max(text_width(number(level), small) + 6 for level in levels) / width)
            for index, level in list(enumerate(levels))[::every]:
                canvas.text(number(level), (index + 1) * width, top + bar + 3, size=small, anchor="ma")
            canvas.text(self._title, 0, top + bar + small + 8, size=small)
            return
        low, high = (number(end) for end in self._palette.ends)
        left = round(text_width(low, small)) + 8
        width = max(60, min(room - 2 * left, 220))
        entries = np.arange(width) * self._palette.count // width
        canvas.paste(np.repeat(entries[None].astype("uint8"), bar, axis=0), left, top)
        canvas.text(low, 0, top, size=small)
        canvas.text(high, left + width + 6, top, size=small)
        canvas.text(self._title, 0, top + bar + 6, size=small)

    def _length(self, most: float) -> tuple[float, str] | None:
        """A round length: how many pixels it takes of the field as it was given, and its name."""
        if self._step is None:
            return None
        step, units = self._step
        power = 10.0 ** math.floor(math.log10(most * step))
        length = power * max(factor for factor in (1, 2, 5) if factor * power <= most * step)
        pixels = length / step
        if units in ("m", "metre", "meter") and length >= 1000:
            return pixels, f"{length / 1000:g} km"
        return pixels, f"{length:g} {'µm' if units == 'um' else units}"


def _factor(values: np.ndarray, side: int = PANEL) -> int:
    return max(1, side // int(max(values.shape[-2:])))


def _grown(entries: np.ndarray, factor: int) -> np.ndarray:
    return entries.repeat(factor, axis=0).repeat(factor, axis=1)


def _halved(values: np.ndarray) -> np.ndarray:
    height, width = (length // 2 for length in values.shape[-2:])
    squares = values[..., : 2 * height, : 2 * width].reshape(*values.shape[:-2], height, 2, width, 2)
    halved: np.ndarray = squares.mean(axis=(-3, -1))
    return halved


def _packed(images: Sequence[Image.Image], milliseconds: int) -> bytes:
    out = io.BytesIO()
    more: dict[str, Any] = {}
    if len(images) > 1:
        pauses = [milliseconds] * (len(images) - 1) + [max(PAUSE, milliseconds)]
        more = {"save_all": True, "append_images": images[1:], "duration": pauses, "loop": 0}
    images[0].save(out, "PNG", optimize=True, **more)
    return out.getvalue()
