"""The colours of a field: rain in the classes that weather services use, anything else along a scale."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import xarray as xr

from nowcast.units import is_rain, rain_rate_of_one

__all__ = ["MISSING", "RAIN", "field_colours"]

RAIN = ("#dfe3e8", "#a6d8f0", "#5aa9e0", "#2a6fc4", "#2f9e58", "#8fce4b", "#f7e34d", "#f5a623", "#e2402c", "#9c1f6b")
RAIN_LEVELS = (0.1, 0.5, 1, 2, 5, 10, 20, 30, 50)

MISSING = "#f4f1ec"
"""Behind pixels without a value."""


def field_colours(observed: xr.DataArray, frames: Iterable[np.ndarray]) -> tuple[Any, Any, list[float] | None]:
    """Colour map, norm and the levels between classes (None: no classes) that all the frames are drawn by."""
    from matplotlib.colors import BoundaryNorm, ListedColormap, Normalize

    values = np.concatenate([frame[np.isfinite(frame)].ravel() for frame in frames])
    if is_rain(observed) and len(values):
        one = rain_rate_of_one(observed) or 1.0
        levels = [float(f"{level / one:.2g}") for level in RAIN_LEVELS]
        levels = levels[: max(4, int(np.searchsorted(levels, float(values.max()))) + 1)]
        colours = ListedColormap(RAIN[1 : len(levels)]).with_extremes(under=RAIN[0], over=RAIN[-1])
        return colours, BoundaryNorm(levels, len(levels) - 1), levels
    low, high = np.quantile(values, (0.01, 0.995)) if len(values) else (0.0, 1.0)
    grey = observed.name == "grey" or observed["x"].attrs.get("units") == "um"
    return "gray" if grey else "viridis", Normalize(float(low), float(high)), None
