"""Which thresholds and scales are scored when the user names none."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import xarray as xr

from nowcast.cube import thinned, time_step
from nowcast.errors import InputError
from nowcast.units import AMOUNTS, rain_rate_of_one, spelled

__all__ = [
    "checked_scales",
    "checked_thresholds",
    "default_scales",
    "default_thresholds",
    "require_scorable",
    "threshold_rule",
]

RAIN_RATES = (0.1, 1.0, 5.0, 10.0)
"""mm h-1"""

REFLECTIVITIES = (15.0, 25.0, 35.0, 45.0)
"""dBZ"""

QUANTILES = (0.5, 0.9, 0.99)

SCALES = (1, 5, 11, 21, 41)
"""Pixels; odd, so that a window has a central pixel."""


def default_thresholds(observed: xr.DataArray) -> list[float]:
    """Thresholds that suit the cube, in its units and ascending.

    Rain rates 0.1, 1, 5 and 10 mm/h (as amounts per time step for accumulations), reflectivities 15 to 45 dBZ; for
    every other variable the quantiles 0.5, 0.9 and 0.99 of evenly spread frames.
    """
    return threshold_rule(observed)[0]


def threshold_rule(observed: xr.DataArray) -> tuple[list[float], str]:
    """The default thresholds, and in words where they come from."""
    units = spelled(observed.attrs.get("units"))
    name = str(observed.attrs.get("standard_name", ""))
    if units is not None and (units.lower() == "dbz" or "reflectivity" in name):
        return list(REFLECTIVITIES), "reflectivities in dBZ"
    one = rain_rate_of_one(observed)
    if one is not None:
        rule = f"rain rates {_listed(RAIN_RATES)} mm h-1"
        if units in AMOUNTS:
            rule += f" as amounts per time step of {time_step(observed):g} s"
        return [_rounded(rate / one) for rate in RAIN_RATES], rule
    return _quantiles(observed), f"quantiles {_listed(QUANTILES)} of the observed values"


def _quantiles(observed: xr.DataArray) -> list[float]:
    values = thinned(observed).values.astype(float)
    values = values[np.isfinite(values)]
    if not len(values):
        raise InputError("thresholds cannot be chosen: no observed pixel has a value", next_step="name the thresholds")
    lowest, highest = float(values.min()), float(values.max())
    if lowest == highest:
        return [lowest]
    # Two digits of the spread, not of the value: quantiles of 280-290 K would all round to 280 or 290.
    decimals = 1 - math.floor(math.log10(highest - lowest))
    found = {round(float(value), decimals) for value in np.quantile(values, QUANTILES)}
    # What every pixel reaches is no event.
    return sorted(value for value in found if value > lowest) or [round(highest, decimals)]


def _rounded(value: float) -> float:
    return float(f"{value:.2g}")


def _listed(values: Sequence[float]) -> str:
    return ", ".join(f"{value:g}" for value in values)


def checked_thresholds(thresholds: Sequence[float]) -> list[float]:
    """The thresholds as floats, ascending, each once.

    Raises
    ------
    InputError
        None at all, or one that is not a finite number.
    """
    values = sorted({float(value) for value in thresholds})
    if not values or not np.isfinite(values).all():
        raise InputError("thresholds: these cannot be scored", found=str(list(thresholds)), needed="finite numbers")
    return values


def require_scorable(cube: xr.DataArray, *, thresholds: Sequence[float] | None, scales: Sequence[int] | None) -> None:
    """Refuse thresholds and scales that could not be scored on this cube's grid: asked before long work, not after it.

    Raises
    ------
    InputError
        What `checked_thresholds` and `checked_scales` refuse.
    """
    if thresholds is not None:
        checked_thresholds(thresholds)
    if scales is not None:
        checked_scales(scales, rows=cube.sizes["y"], columns=cube.sizes["x"])


def default_scales(rows: int, columns: int) -> list[int]:
    """Window widths in pixels for the fractions skill score: 1, 5, 11, 21 and 41, as far as they fit."""
    return [scale for scale in SCALES if scale <= min(rows, columns)]


def checked_scales(scales: Sequence[int], *, rows: int, columns: int) -> list[int]:
    """The scales ascending, each once.

    Raises
    ------
    InputError
        None at all, or one that is not a positive odd whole number or is wider than the grid.
    """
    wrong = [scale for scale in scales if scale != int(scale) or scale < 1 or scale % 2 == 0]
    wide = [scale for scale in scales if scale > min(rows, columns)]
    if wrong or wide or not len(scales):
        raise InputError(
            "scales: these windows cannot be laid over the grid",
            found=str(list(wrong or wide or scales)),
            needed=f"odd whole numbers of pixels from 1 to {min(rows, columns)}, the shorter side of the grid",
        )
    return sorted({int(scale) for scale in scales})
