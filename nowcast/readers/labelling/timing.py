"""The times of frames: an axis, a scalar variable, or, where there is neither, attributes of the file."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from xarray.coders import CFDatetimeCoder

from nowcast.errors import InputError

__all__ = ["decoded", "has_times", "lead_times", "scalar_time", "stated_time"]

_SINCE = re.compile(r"^\s*[a-z]+\s+since\s", re.IGNORECASE)
_STANDARD = {"standard", "gregorian", "proleptic_gregorian"}
_NAMES = ("time", "valid_time", "validity_time", "t", "datetime", "date", "times")
_EXACT = ("validity_time",)
_STARTS = ("time_coverage_start", "start_date")
_ENDS = ("time_coverage_end", "end_date")
_OVER_TIME = re.compile(r"\btime\s*:\s*(?!point\b)[a-z]", re.IGNORECASE)
_JITTER = np.timedelta64(10, "us")


def has_times(variable: xr.Variable) -> bool:
    """Whether the variable holds moments: dates, or numbers with units "... since ..."."""
    if variable.dtype.kind == "M":
        return True
    return variable.dtype.kind in "iuf" and bool(_SINCE.match(str(variable.attrs.get("units", ""))))


def decoded(name: str, variable: xr.Variable, label: str) -> xr.Variable:
    """The variable as datetime64[ns] in UTC, without units, calendar and encoding.

    Raises
    ------
    InputError
        A calendar without real dates, or units and values that are no dates.
    """
    attrs = {key: value for key, value in variable.attrs.items() if key not in ("units", "calendar", "_FillValue")}
    if variable.dtype.kind == "M":
        return xr.Variable(variable.dims, variable.values.astype("datetime64[ns]"), attrs)
    calendar = str(variable.attrs.get("calendar", "standard")).lower()
    if calendar not in _STANDARD:
        raise InputError(
            f"{label}: times of {name!r} are in the calendar {calendar!r}, which has other days than the world",
            found=f"calendar {calendar!r}",
            needed="standard, gregorian or proleptic_gregorian",
            next_step="convert it first: dataset.convert_calendar('standard')",
        )
    plain = xr.Variable(variable.dims, variable.values, {k: v for k, v in variable.attrs.items() if k != "dtype"})
    try:
        values = _whole_steps(plain, calendar)
        values = _dates(plain) if values is None else values
    except (ValueError, OverflowError, TypeError) as error:
        raise InputError(
            f"{label}: the times of {name!r} cannot be read",
            found=f"units {variable.attrs.get('units')!r}",
            needed="units as 'seconds since 1970-01-01 00:00:00'",
        ) from error
    if variable.dtype.kind == "f":
        values = _without_jitter(values)
    return xr.Variable(variable.dims, values, attrs)


def _dates(variable: xr.Variable) -> np.ndarray:
    coder = CFDatetimeCoder(use_cftime=False, time_unit="ns")
    moments = xr.conventions.decode_cf_variable("moment", variable, decode_times=coder, decode_timedelta=False)
    values: np.ndarray = moments.values.astype("datetime64[ns]")
    return values


def _whole_steps(variable: xr.Variable, calendar: str) -> np.ndarray | None:
    """Plain integers since a date after 1582 by multiplication, a tenth of the time; None if they are anything else."""
    codes = variable.values
    if codes.dtype.kind not in "iu" or not set(variable.attrs) <= _HARMLESS or codes.size == 0 or codes.min() < 0:
        return None
    first, step = _scale(str(variable.attrs["units"]), calendar)
    if not _GREGORIAN <= first < _LATEST or int(codes.max()) > _FURTHEST // int(step.astype("int64")):
        return None
    values: np.ndarray = first + codes.astype("int64") * step
    return values


_HARMLESS = {"units", "calendar", "standard_name", "long_name", "axis", "bounds", "comment"}
_GREGORIAN, _LATEST = np.datetime64("1583-01-01", "ns"), np.datetime64("2116-01-01", "ns")
_FURTHEST = 2**62
"""Nanoseconds, 146 years: from a date before `_LATEST`, within what datetime64[ns] holds."""


@lru_cache(maxsize=64)
def _scale(units: str, calendar: str) -> tuple[np.datetime64, np.timedelta64]:
    """The date that units count from, and the length of one."""
    first, second = _dates(xr.Variable(("n",), np.arange(2), {"units": units, "calendar": calendar}))
    return first, second - first


def _without_jitter(values: np.ndarray) -> np.ndarray:
    """Fractions of days or hours miss the millisecond by the rounding of doubles; true fractions stay."""
    whole = values.astype("datetime64[us]") + np.timedelta64(500, "us")
    rounded = whole.astype("datetime64[ms]").astype("datetime64[ns]")
    valid = ~np.isnat(values)
    return rounded if (np.abs(values - rounded)[valid] <= _JITTER).all() else values


def lead_times(variable: xr.Variable, label: str) -> xr.Variable:
    """The variable as timedelta64[ns], without units.

    Raises
    ------
    InputError
        It has no units of time.
    """
    attrs = {key: value for key, value in variable.attrs.items() if key not in ("units", "dtype", "_FillValue")}
    if variable.dtype.kind == "m":
        return xr.Variable(variable.dims, variable.values.astype("timedelta64[ns]"), attrs)
    units = str(variable.attrs.get("units", ""))
    try:
        unit = pd.Timedelta(1, unit=_UNITS[units.lower()])
    except KeyError as error:
        raise InputError(
            f"{label}: lead times have no units of time",
            found=f"units {units!r}",
            needed="'seconds', 'minutes', 'hours'",
        ) from error
    nanoseconds = np.round(np.asarray(variable.values, dtype="float64") * unit.as_unit("ns").value)
    return xr.Variable(variable.dims, nanoseconds.astype("int64").astype("timedelta64[ns]"), attrs)


_UNITS = {
    name: code
    for code, names in {
        "ns": "ns nanosecond nanoseconds",
        "us": "us microsecond microseconds",
        "ms": "ms millisecond milliseconds",
        "s": "s sec second seconds",
        "min": "min minute minutes",
        "h": "h hr hour hours",
        "D": "d day days",
    }.items()
    for name in names.split()
}


def scalar_time(candidates: dict[str, xr.Variable]) -> str | None:
    """Which of these scalar variables is the frame's time: by standard name, by axis, by name, or the only one."""
    moments = {
        name: variable
        for name, variable in candidates.items()
        if has_times(variable)
        and "forecast_reference_time" not in (name, variable.attrs.get("standard_name"))
        and name not in ("start_time", "creation_time", "production_time")
    }
    for name, variable in moments.items():
        if variable.attrs.get("standard_name") == "time":
            return name
    for name, variable in moments.items():
        if variable.attrs.get("axis") == "T":
            return name
    for name in _NAMES:
        if name in moments:
            return name
    return next(iter(moments)) if len(moments) == 1 else None


def stated_time(field: dict[str, Any], dataset: dict[str, Any]) -> tuple[np.datetime64, str] | None:
    """The time that attributes state, and the attribute's name; None if none does.

    Of a coverage it is the start, or the end where `cell_methods` says that values are over time (sums, means).
    """
    over_time = _OVER_TIME.search(str(field.get("cell_methods", "")))
    for name in (*_EXACT, *(_ENDS if over_time else _STARTS), *(_STARTS if over_time else ())):
        for attrs in (field, dataset):
            moment = _moment(attrs.get(name))
            if moment is not None:
                return moment, name
    return None


def _moment(text: Any) -> np.datetime64 | None:
    if not isinstance(text, str) or not text.strip()[:4].isdigit():
        return None
    try:
        stamp = pd.Timestamp(text.strip())
    except (ValueError, OverflowError):
        return None
    if stamp.tzinfo is not None:
        stamp = stamp.tz_convert("UTC").tz_localize(None)
    moment: np.datetime64 = stamp.to_datetime64().astype("datetime64[ns]")
    return moment
