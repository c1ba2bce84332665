"""A probabilistic forecast is a Dataset of products of one variable, taken apart and put together here.

A deterministic forecast is a cube `(forecast_reference_time, lead_time, channel, y, x)` and its own mean. Of a
probabilistic one of the variable `rainfall` there are

- `rainfall`, the mean, the field of least squared error;
- `rainfall_matched`, a field for categories, of which as many pixels reach each threshold as are expected to;
- `probability_of_rainfall_above_threshold`, P(value >= threshold), with the dim `threshold` after `lead_time`.

Between thresholds the probability is linear. What is below the first one lies at `lowest`, the field's least value:
the probability is the same from there to the first threshold. From the last threshold it falls to 0 at `highest`. Both
are attributes of the probability. The threshold's attribute `spp__relative_to_threshold` is IMPROVER's.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from nowcast.cube import FORECAST_DIMS
from nowcast.errors import InputError

__all__ = [
    "PROBABILITY_DIMS",
    "VARIABLE",
    "combined",
    "is_forecast",
    "matched",
    "mean",
    "probability",
    "probability_name",
]

PROBABILITY_DIMS = ("forecast_reference_time", "lead_time", "threshold", "channel", "y", "x")

VARIABLE = "nowcast_variable"
"""The attribute of the Dataset, and of a file that holds it, that names the variable."""


def probability_name(variable: str) -> str:
    """What the exceedance probability of a variable is called."""
    return f"probability_of_{variable}_above_threshold"


def is_forecast(forecast: Any) -> bool:
    """Whether this is a forecast: a forecast cube, or a Dataset that holds the mean of the variable it names."""
    if isinstance(forecast, xr.Dataset):
        name = forecast.attrs.get(VARIABLE)
        return name in forecast.data_vars and forecast[name].dims == FORECAST_DIMS
    return isinstance(forecast, xr.DataArray) and forecast.dims == FORECAST_DIMS


def mean(forecast: xr.DataArray | xr.Dataset) -> xr.DataArray:
    """The field of least squared error, a forecast cube; the cube itself if the forecast is deterministic.

    Raises
    ------
    InputError
        A Dataset that does not say of which variable it is, or does not hold it.
    """
    return forecast if isinstance(forecast, xr.DataArray) else forecast[_variable(forecast)]


def matched(forecast: xr.DataArray | xr.Dataset) -> xr.DataArray:
    """The field for categories, a forecast cube by the mean's name; the mean where the forecast holds no other.

    Raises
    ------
    InputError
        As of `mean`.
    """
    if isinstance(forecast, xr.DataArray):
        return forecast
    name = _variable(forecast)
    found = f"{name}_matched"
    return forecast[found].rename(name) if found in forecast else forecast[name]


def probability(forecast: xr.DataArray | xr.Dataset) -> xr.DataArray | None:
    """P(value >= threshold), dims `PROBABILITY_DIMS`; None if the forecast is deterministic.

    Raises
    ------
    InputError
        As of `mean`; a probability that is none by the rules of this module.
    """
    if isinstance(forecast, xr.DataArray):
        return None
    name = probability_name(_variable(forecast))
    return _checked(forecast[name]) if name in forecast else None


def combined(mean: xr.DataArray, matched: xr.DataArray, probability: xr.DataArray) -> xr.Dataset:
    """One forecast of its three products: the inverse of taking it apart.

    Parameters
    ----------
    mean, matched
        Forecast cubes on the same coordinates, lazy or not. The mean's name and units are the variable's.
    probability
        Dims `PROBABILITY_DIMS`, with the coordinate `threshold` and the attributes `lowest` and `highest`.

    Raises
    ------
    InputError
        No name, other dims or coordinates, thresholds that do not rise from above `lowest` to below `highest`.
    """
    if mean.name is None:
        raise InputError("a forecast of several products needs the name of its variable", next_step="mean.rename(...)")
    name = str(mean.name)
    for product, field in (("mean", mean), ("matched", matched)):
        if field.dims != FORECAST_DIMS:
            raise InputError(
                f"forecast of {name!r}: the {product} is no forecast cube",
                found=str(tuple(field.dims)),
                needed=str(FORECAST_DIMS),
            )
    probability = _checked(probability)
    threshold = probability["threshold"].assign_attrs(
        units=mean.attrs.get("units", "1"), spp__relative_to_threshold="greater_than_or_equal_to"
    )
    parts = (
        mean.assign_attrs(nowcast_product="mean"),
        matched.rename(f"{name}_matched").assign_attrs(nowcast_product="matched"),
        probability.assign_coords(threshold=threshold)
        .rename(probability_name(name))
        .assign_attrs(units="1", nowcast_product="probability"),
    )
    try:
        joined = xr.merge(parts, join="exact", compat="override", combine_attrs="override")
    except ValueError as error:
        raise InputError(
            f"forecast of {name!r}: its products lie on other coordinates",
            found=str(error).splitlines()[0],
            needed="the same times and grid in all",
        ) from error
    return joined.drop_attrs(deep=False).assign_attrs({VARIABLE: name})


def _variable(forecast: xr.Dataset) -> str:
    name = forecast.attrs.get(VARIABLE)
    if name not in forecast.data_vars:
        raise InputError(
            "this Dataset is no forecast",
            found=f"nowcast_variable = {name!r}, variables {', '.join(map(str, forecast.data_vars)) or 'none'}",
            needed="an attribute nowcast_variable that names one of them",
            next_step="score or draw one variable: dataset['name']",
        )
    return str(name)


def _checked(probability: xr.DataArray) -> xr.DataArray:
    if probability.dims != PROBABILITY_DIMS or "threshold" not in probability.coords:
        raise InputError(
            f"{probability.name}: these are not the dims of an exceedance probability",
            found=str(tuple(probability.dims)),
            needed=f"{PROBABILITY_DIMS}, and a coordinate 'threshold'",
        )
    ends = [probability.attrs.get(each) for each in ("lowest", "highest")]
    levels = probability["threshold"].values.tolist()
    try:
        rising = np.array([ends[0], *levels, ends[1]], dtype=float)
    except (TypeError, ValueError):
        rising = np.array([np.nan])
    if not levels or not (np.diff(rising) > 0).all() or not np.isfinite(rising).all():
        raise InputError(
            f"{probability.name}: these thresholds make no distribution",
            found=f"lowest {ends[0]}, thresholds {levels}, highest {ends[1]}",
            needed="numbers that rise from the attribute 'lowest' over the thresholds to the attribute 'highest'",
        )
    return probability
