"""A picture of few colours that fields, texts and bars are put on: what a PNG of a palette keeps small."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

__all__ = ["Canvas", "Palette", "text_width"]

GREYS = 16
"""From white to the ink of texts, whose edges are smooth."""

INK = (27, 31, 36)
SCALE_COLOURS = 96
"""Of a field that has no classes."""


class Palette:
    """The colours of a field as entries of a palette, those of texts after them.

    Parameters
    ----------
    colours, norm, levels
        As `field_colours` gives them.
    missing
        The colour of pixels without a value, such as `#f4f1ec`.
    """

    def __init__(self, colours: Any, norm: Any, levels: Sequence[float] | None, missing: str) -> None:
        import matplotlib as mpl

        self.levels = levels
        self._norm = norm
        if levels is None:
            table = mpl.colormaps[colours](np.linspace(0, 1, SCALE_COLOURS))
        else:
            # `over` comes last; a norm of N classes gives it the number N, and `under` -1.
            table = np.array([colours(index) for index in range(-1, len(levels))])
        table = (table[:, :3] * 255).round().astype(int)
        gone = [int(missing[i : i + 2], 16) for i in (1, 3, 5)]
        greys = np.linspace((255, 255, 255), INK, GREYS).round().astype(int)
        self.count = len(table)
        self.missing, self.white = self.count, self.count + 1
        self.entries: list[int] = [*table.ravel().tolist(), *gone, *greys.ravel().tolist()]

    @property
    def ends(self) -> tuple[float, float]:
        """The least and the greatest value that a colour of its own has."""
        return float(self._norm.vmin), float(self._norm.vmax)

    def index(self, field: np.ndarray) -> np.ndarray:
        """The entry of each pixel."""
        values = np.nan_to_num(field.astype(float))
        if self.levels is not None:
            found = np.digitize(values, self.levels)
        else:
            low, high = self.ends
            share = (values - low) / (high - low) if high > low else np.zeros_like(values)
            found = np.round(np.clip(share, 0, 1) * (self.count - 1)).astype(int)
        return np.where(np.isfinite(field), found, self.missing).astype("uint8")


class Canvas:
    """Entries of a palette on a white ground, `(y, x)`."""

    def __init__(self, width: int, height: int, palette: Palette) -> None:
        self._palette = palette
        self._pixels = np.full((height, width), palette.white, "uint8")

    def copy(self) -> Canvas:
        """Another that begins with what this one shows."""
        other = Canvas(1, 1, self._palette)
        other._pixels = self._pixels.copy()
        return other

    def paste(self, entries: np.ndarray, left: int, top: int) -> None:
        """Put entries of the palette, such as a field's, at a place."""
        self._pixels[top : top + entries.shape[0], left : left + entries.shape[1]] = entries

    def bar(self, left: int, top: int, width: int, height: int) -> None:
        """A filled rectangle of ink."""
        self._pixels[top : top + height, left : left + width] = self._palette.white + GREYS - 1

    def text(self, text: str, left: float, top: float, *, size: int, anchor: str = "la") -> None:
        """Write; `anchor` as Pillow has it: `la` begins at the left and top, `ra` ends at the right."""
        mask = Image.new("L", self._pixels.shape[::-1])
        ImageDraw.Draw(mask).text((left, top), text, fill=255, font=_font(size), anchor=anchor)
        shade = np.round(np.asarray(mask) / 255 * (GREYS - 1)).astype("uint8")
        self._pixels = np.where(shade > 0, self._palette.white + shade, self._pixels).astype("uint8")

    def image(self) -> Image.Image:
        """The picture, of mode P."""
        image = Image.fromarray(self._pixels)
        image.putpalette(self._palette.entries)
        return image


@cache
def _font(size: int) -> Any:
    """Matplotlib's own, which has the signs that units and numbers are written with: Pillow's lacks raised digits."""
    import matplotlib as mpl

    return ImageFont.truetype(Path(mpl.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf", size)


def text_width(text: str, size: int) -> float:
    """How wide a text is, in pixels."""
    return float(_font(size).getlength(text))
