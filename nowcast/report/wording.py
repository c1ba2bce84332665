"""Numbers, times, lengths and names as people say them."""

from __future__ import annotations

import math

import numpy as np
import xarray as xr

from nowcast.cube import grid_step, is_counted
from nowcast.sizes import duration

__all__ = ["beginning", "extent", "lead_texts", "number", "shortened", "units_of", "with_units"]


def number(value: float) -> str:
    """A number with three digits that count, thousands whole."""
    if value == 0 or 1e-3 <= abs(value) < 1e4:
        return f"{value:.3g}" if abs(value) < 999.5 else f"{value:.0f}"
    if not math.isfinite(value):
        return "–"
    mantissa, _, power = f"{value:.2e}".partition("e")
    mantissa = mantissa.rstrip("0").rstrip(".")
    raised = str(int(power)).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"10{raised}" if mantissa == "1" else f"{mantissa}·10{raised}"


def shortened(name: str, letters: int) -> str:
    """A name of so many letters at most."""
    return name if len(name) <= letters else name[: letters - 1] + "…"


def units_of(scores: xr.Dataset) -> str:
    """The field's units after a space; nothing where it has none."""
    units = str(scores.attrs.get("units", ""))
    return "" if units in ("", "1") else f" {units}"


def with_units(name: str, units: str) -> str:
    """`rainfall (mm h-1)`; the name alone where there are no units."""
    return name if units in ("", "1") else f"{name} ({units})"


def lead_texts(lead_time: xr.DataArray) -> list[str]:
    """Lead times: minutes, or seconds where they are shorter."""
    seconds = lead_time.values / np.timedelta64(1, "s")
    if (seconds % 60 == 0).all():
        return [f"{value / 60:g} min" for value in seconds]
    return [f"{value:g} s" for value in seconds]


def extent(frame: xr.DataArray) -> str:
    """The size of the field, `200 x 200 km`; empty where the grid has no lengths."""
    step = grid_step(frame)
    if step is None or step["units"] in (None, "1"):
        return ""
    height, width = (step[axis] * frame.sizes[axis] for axis in ("y", "x"))
    units = step["units"]
    if units == "m" and min(height, width) >= 1000:
        height, width, units = height / 1000, width / 1000, "km"
    return f"{width:.4g} x {height:.4g} {units}"


def beginning(start: xr.DataArray, clock: xr.DataArray) -> str:
    """The reference time; of a clip, whose times count from its first frame, that of the clip."""
    if is_counted(clock):
        since = (start.values - np.datetime64(0, "ns")) / np.timedelta64(1, "s")
        return f"{duration(float(since))} after the first frame"
    return str(np.datetime_as_string(start.values, "m")).replace("T", " ") + " UTC"
