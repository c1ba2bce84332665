"""Units: one spelling for what is written in several, what one of a rain field is in mm h-1, and rain in others."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import xarray as xr

from nowcast.cube import label, time_step
from nowcast.errors import InputError
from nowcast.progress import tell

__all__ = ["CONVERTED_FROM", "conversion", "in_units", "is_rain", "rain_rate_of_one", "spelled"]

CONVERTED_FROM = "converted_from"
"""The attribute in which a cube in other units than its source's remembers what it was, and the factor."""

_RAIN_WORDS = re.compile(r"rain|precip(?!itable)|snowfall")
"""How words of a rain-like field's name begin; precipitable water is vapour in the air."""

# 1 mm of water on a square metre is 1 kg.
RATES = {"mm h-1": 1.0, "kg m-2 h-1": 1.0, "mm s-1": 3600.0, "kg m-2 s-1": 3600.0, "m s-1": 3.6e6}
AMOUNTS = {"mm": 1.0, "kg m-2": 1.0, "m": 1e3}
_AMOUNT_WITHIN = re.compile(r"mm ?/ ?\(?([1-9]\d*) ?min\)?")


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
    return any(_RAIN_WORDS.match(word) for word in words)


def rain_rate_of_one(cube: xr.DataArray) -> float | None:
    """What one unit of a rain field is in mm h-1, amounts per time step included; None if it is no rain field.

    Without a standard name, units of rain alone make a rain field; metres (of a wind, of a depth) do not, and kg m-2
    (of water in the air, of snow) only by a name of rain.
    """
    units = spelled(cube.attrs.get("units"))
    named = cube.attrs.get("standard_name") is not None
    if units is None or ((named or units == "kg m-2") and not is_rain(cube)):
        return None
    if not named and units in {"m", "m s-1"}:
        return None
    if units in RATES:
        return RATES[units]
    within = _AMOUNT_WITHIN.fullmatch(units)
    if within is not None:
        return 60 / float(within[1])
    step = time_step(cube)
    return AMOUNTS[units] * 3600 / step if units in AMOUNTS and step is not None else None


def conversion(cube: xr.DataArray, units: str | None) -> float | None:
    """By what values are multiplied to be in other units: of rain, its time step included; None without a formula."""
    if spelled(cube.attrs.get("units")) == spelled(units):
        return 1.0
    own, other = (rain_rate_of_one(each) for each in (cube, cube.assign_attrs(units=units)))
    return None if own is None or other is None else own / other


def in_units(cube: xr.DataArray, *, name: str, units: str | None) -> xr.DataArray:
    """The cube as it is if its units are those asked for; rain is converted, by its time step if need be, and renamed.

    Raises
    ------
    InputError
        Units that no stated formula leads between.
    """
    own, factor = cube.attrs.get("units"), conversion(cube, units)
    if factor is None:
        raise InputError(
            f"{label(cube)}: in other units, and no formula leads from one to the other",
            found=str(own),
            needed=str(units),
            next_step="convert it, or give --zr for reflectivity",
        )
    if spelled(own) == spelled(units):
        return cube if own == units else cube.assign_attrs(units=units)
    tell(f"units    {label(cube)}: {own} to {units}, times {factor:.6g}")
    kept = {key: value for key, value in cube.attrs.items() if key not in ("standard_name", "cell_methods")}
    converted = (cube * np.float32(factor)).rename(name)
    converted.attrs = {**kept, "units": units, CONVERTED_FROM: f"{cube.name} in {own}, times {factor:.6g}"}
    converted.encoding = {key: value for key, value in cube.encoding.items() if key == "source"}
    return converted
