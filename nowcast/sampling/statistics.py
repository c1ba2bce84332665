"""How much happens at each pixel: rain, motion, divisions."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import xarray as xr
from scipy.ndimage import gaussian_filter

from nowcast.cube import thinned
from nowcast.units import is_rain, rain_rate_of_one

__all__ = ["STATISTICS", "Statistic", "choose", "prepared"]

Statistic = Callable[[np.ndarray, np.ndarray | None], np.ndarray]
"""Frames `(t c y x)` and the one before them `(c y x)`, if it follows on, to a map `(t y x)`; NaN where unknown."""

SPOT, BACKGROUND = 1.5, 8.0
"""Pixels: the radius of a rounded nucleus, and of what it lies on."""

NOISE = 4.0
"""Standard deviations of the frame's change that count as noise."""


def rain(frames: np.ndarray, _: np.ndarray | None, *, typical: float) -> np.ndarray:
    """The saturated amount `1 - exp(-x / s)`, by which DGMR drew its windows (doi:10.1038/s41586-021-03854-z)."""
    wet: np.ndarray = 1 - np.exp(-np.maximum(frames, 0).mean(axis=1) / np.float32(typical))
    return wet


def motion(frames: np.ndarray, before: np.ndarray | None) -> np.ndarray:
    """The mean absolute change from the frame before: motion energy, what frame differencing sees."""
    change: np.ndarray = np.abs(_change(frames, before)).mean(axis=1)
    return change


def divisions(frames: np.ndarray, before: np.ndarray | None) -> np.ndarray:
    """Sudden compact brightening beyond noise: a cell that divides rounds up and its chromatin condenses.

    Of the local contrast (a spot's radius against its background) the rise since the frame before, less `NOISE` robust
    standard deviations of the change in that frame. Scales are in pixels: for cells of some ten pixels.
    """
    spots = gaussian_filter(np.nan_to_num(frames), (0, 0, SPOT, SPOT))
    contrast = spots - gaussian_filter(spots, (0, 0, BACKGROUND, BACKGROUND))
    last = None
    if before is not None:
        spot = gaussian_filter(np.nan_to_num(before), (0, SPOT, SPOT))
        last = spot - gaussian_filter(spot, (0, BACKGROUND, BACKGROUND))
    rise = _change(contrast, last)
    noise = 1.4826 * np.nanmedian(np.abs(rise[1 if before is None else 0 :]), axis=(1, 2, 3), keepdims=True)
    if before is None:
        noise = np.concatenate([np.zeros((1, 1, 1, 1), noise.dtype), noise])
    beyond = np.maximum(rise - NOISE * noise, 0)
    found: np.ndarray = np.where(np.isfinite(frames), beyond, np.nan).mean(axis=1)
    return found


STATISTICS: Mapping[str, str] = {
    "rain": "the saturated amount of rain",
    "motion": "the mean absolute change from frame to frame",
    "divisions": "sudden compact brightening beyond noise",
}


def prepared(name: str, training: xr.DataArray) -> tuple[Statistic, dict[str, float]]:
    """The statistic of that name for a field, and its parameters, which are taken from the training part alone.

    For rain: `typical`, the median of the wet values of `nowcast.cube.thinned`, in the field's units.
    """
    if name != "rain":
        return {"motion": motion, "divisions": divisions}[name], {}
    sample = np.asarray(thinned(training).data).ravel()
    wet = sample[np.isfinite(sample) & (sample > 0)]
    typical = float(np.median(wet)) if len(wet) else 1.0
    return lambda frames, before: rain(frames, before, typical=typical), {"typical": typical}


def choose(cube: xr.DataArray) -> str:
    """Rain where the field is rain or reflectivity; else motion."""
    echo = "dbz" in str(cube.attrs.get("units", "")).lower()
    return "rain" if echo or is_rain(cube) or rain_rate_of_one(cube) is not None else "motion"


def _change(frames: np.ndarray, before: np.ndarray | None) -> np.ndarray:
    """Since the frame before; NaN for a frame that follows none."""
    first = np.full_like(frames[:1], np.nan) if before is None else before[None]
    change: np.ndarray = frames - np.concatenate([first, frames[:-1]])
    return change
