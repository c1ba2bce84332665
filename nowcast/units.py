"""Units: one spelling for what is written in several, and what one unit of a rain field is in mm h-1."""

from __future__ import annotations

import re
from typing import Any

import xarray as xr

from nowcast.cube import time_step

__all__ = ["is_rain", "rain_rate_of_one", "spelled"]

RAIN_WORDS = ("rain", "precip", "snowfall")
"""How words of a rain-like field's name begin."""

# 1 mm of water on a square metre is 1 kg.
RATES = {"mm h-1": 1.0, "kg m-2 h-1": 1.0, "mm s-1": 3600.0, "kg m-2 s-1": 3600.0, "m s-1": 3.6e6}
AMOUNTS = {"mm": 1.0, "kg m-2": 1.0, "m": 1e3}


def spelled(units: Any) -> str | None:
    """The units in the spelling of CF (`kg m-2 s-1`); None where none are stated."""
    if units is None or not str(units).strip():
        return None
    text = re.sub(r"\*\*|\^", "", str(units).strip())
    text = re.sub(r"\s*/\s*([A-Za-z]+)(\d*)", lambda part: f" {part[1]}-{part[2] or 1}", text)
    text = re.sub(r"(?<=[A-Za-z\d])[.*](?=[A-Za-z])", " ", text)
    text = re.sub(r"\b(hr|hour|hours)(?=-|\b)", "h", text)
    return re.sub(r"\s+", " ", text)


def is_rain(cube: xr.DataArray) -> bool:
    """Whether the standard name, or the variable's name where there is none, speaks of rain or snow."""
    words = re.split("[^a-z]+", str(cube.attrs.get("standard_name") or cube.name).lower())
    return any(word.startswith(RAIN_WORDS) for word in words)


def rain_rate_of_one(cube: xr.DataArray) -> float | None:
    """What one unit of a rain field is in mm h-1, amounts per time step included; None if it is no rain field.

    Without a standard name, units of rain alone make a rain field; metres (of a wind, of a depth) do not.
    """
    units = spelled(cube.attrs.get("units"))
    named = cube.attrs.get("standard_name") is not None
    if units is None or (named and not is_rain(cube)) or (not named and units in {"m", "m s-1"}):
        return None
    if units in RATES:
        return RATES[units]
    step = time_step(cube)
    return AMOUNTS[units] * 3600 / step if units in AMOUNTS and step is not None else None
