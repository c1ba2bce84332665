"""One frame of a physical field as a picture: colours over a fixed range, and below it the time and a scale."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr
from PIL import Image, ImageDraw, ImageFont

from nowcast.cube import DIMS, is_counted, thinned, upright
from nowcast.units import is_rain

__all__ = ["Drawing", "moment"]

COLOURS = 254
"""Entries of the palette for values; the two after them are white, for what is missing, and black, for text."""

WHITE, BLACK = 254, 255

MARGIN = 40
"""Pixels below the field, for two lines of text."""


class Drawing:
    """How all frames of one cube are drawn: palette, range and enlargement are the same for each.

    The range goes from the least value to that which 99.9 % do not exceed, in a sample of the frames; rain is drawn by
    its square root. North is up and east is right where the coordinates tell.
    """

    def __init__(self, cube: xr.DataArray, side: int) -> None:
        import matplotlib as mpl

        values = thinned(xr.DataArray(cube.data.reshape((-1, *cube.shape[-3:])), dims=DIMS)).values
        values = values[np.isfinite(values)]
        low, high = (float(values.min()), float(np.quantile(values, 0.999))) if len(values) else (0.0, 1.0)
        self._low, self._high = low, high if high > low else low + 1.0
        self._root = is_rain(cube)
        self._factor = max(1, -(-side // max(cube.sizes["y"], cube.sizes["x"])))
        self._rows, self._columns = upright(cube)
        microscope = cube["x"].attrs.get("units") == "um"
        colours = mpl.colormaps["gray" if microscope else "viridis"]
        table = (colours(np.linspace(0, 1, COLOURS))[:, :3] * 255).round().astype("uint8")
        self._palette = [*table.ravel().tolist(), 255, 255, 255, 0, 0, 0]
        self._units = " ".join(str(part) for part in (cube.name or "", cube.attrs.get("units", "")) if part)
        clock = cube["time" if "time" in cube.dims else "forecast_reference_time"]
        self._counted = is_counted(clock)

    def picture(self, frame: xr.DataArray) -> Image.Image:
        """A frame, dims `(channel, y, x)`, of which the first channel is drawn, with its scalar times; mode P."""
        values = frame.values[0][self._rows, self._columns].astype("float64")
        share = np.clip((values - self._low) / (self._high - self._low), 0, 1)
        share = np.sqrt(share) if self._root else share
        missing = np.isnan(share)
        index = np.where(missing, WHITE, np.round(np.nan_to_num(share) * (COLOURS - 1))).astype("uint8")
        index = index.repeat(self._factor, axis=0).repeat(self._factor, axis=1)
        height, width = index.shape
        image = Image.fromarray(np.pad(index, ((0, MARGIN), (0, 0)), constant_values=WHITE))
        image.putpalette(self._palette)
        draw = ImageDraw.Draw(image)
        draw.fontmode = "1"
        font = ImageFont.load_default(13)
        draw.text((4, height + 2), self._moment(frame), fill=BLACK, font=font)
        low, high = f"{self._low:.3g}", f"{self._high:.3g} {self._units}"
        left, bar = 8 + int(draw.textlength(low, font=font)), width // 4
        draw.text((4, height + 21), low, fill=BLACK, font=font)
        for column in range(bar):
            draw.line([(left + column, height + 24), (left + column, height + 35)], fill=self._colour(column / bar))
        draw.text((left + bar + 4, height + 21), high, fill=BLACK, font=font)
        return image

    def _colour(self, share: float) -> int:
        return round((share**0.5 if self._root else share) * (COLOURS - 1))

    def _moment(self, frame: xr.DataArray) -> str:
        if "lead_time" not in frame.coords:
            return moment(frame["time"].values, counted=self._counted)
        lead = f"+{_span(float(frame['lead_time'].values / np.timedelta64(1, 's')))}"
        start = frame["forecast_reference_time"].values
        return lead if self._counted else f"{moment(start, counted=False)} {lead}"


def moment(time: np.ndarray, *, counted: bool) -> str:
    """A time as it stands below a picture: the date, or since the first frame of a clip, whose times are counted."""
    if counted:
        return _span(float((time - np.datetime64(0, "ns")) / np.timedelta64(1, "s")))
    stamp = pd.Timestamp(time)
    return f"{stamp:%Y-%m-%d %H:%M:%S} UTC" if stamp.second else f"{stamp:%Y-%m-%d %H:%M} UTC"


def _span(seconds: float) -> str:
    return f"{seconds / 60:g} min" if seconds and seconds % 60 == 0 else f"{seconds:g} s"
