"""Coordinates, times, labels and attributes as NetCDF and JSON both hold them; no IO.

Everything is said in attributes, nothing is left for xarray's encoders to guess.
"""

from __future__ import annotations

import json
import re
from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import xarray as xr

__all__ = ["RANGES", "encode", "encode_attrs", "encode_dataset"]

RANGES = ("valid_min", "valid_max", "valid_range")

NO_TIME = np.int64(np.iinfo(np.int64).min)
"""How NaT is written; only coordinates that hold one have it as `_FillValue`."""

_DATETIME_UNITS = {"s": "seconds", "ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds"}
_TIMEDELTA_UNITS = {"m": "minutes", **_DATETIME_UNITS}

_RESERVED = {"_NCProperties", "_Netcdf4Dimid", "_Netcdf4Coordinates", "_nc3_strict", "_ARRAY_DIMENSIONS"}
_RESERVED |= {"DIMENSION_LIST", "REFERENCE_LIST", "CLASS", "NAME"}


def encode_dataset(dataset: xr.Dataset) -> xr.Dataset:
    """Any dataset with its times as integers, its labels as strings and its attributes as NetCDF and JSON hold them."""
    variables = {name: encode(variable) for name, variable in dataset.variables.items()}
    return xr.Dataset(variables, attrs=encode_attrs(dataset.attrs)).set_coords(list(dataset.coords))


def encode(variable: xr.Variable) -> xr.Variable:
    """A coordinate as it is written: times as integers, labels as strings, the rest bit for bit."""
    attrs = encode_attrs(
        {key: value for key, value in variable.attrs.items() if key not in {"_FillValue", "missing_value"}}
    )
    data = variable.data
    encoding: dict[Hashable, Any] = {"_FillValue": None}
    if variable.dtype.kind in "mM":
        data, time_attrs = _encode_times(np.asarray(data))
        attrs = {**{key: value for key, value in attrs.items() if key not in {"calendar", "dtype"}}, **time_attrs}
        encoding = {} if "_FillValue" in attrs else encoding
    elif variable.dtype.kind in "OUST":
        data = np.array([_text(value) for value in np.asarray(data).ravel()], dtype=object).reshape(variable.shape)
    elif variable.dtype.kind in "iuf":
        # CF wants ranges in the variable's own type; zarr keeps attributes as JSON, which knows one kind of number.
        ranges = {key: np.asarray(attrs[key]) for key in (*RANGES, "actual_range") if key in attrs}
        attrs |= {key: value.astype(variable.dtype)[()] for key, value in ranges.items() if value.dtype.kind in "iuf"}
    return xr.Variable(variable.dims, data, attrs, encoding)


def _encode_times(values: np.ndarray) -> tuple[np.ndarray, dict[str, Any]]:
    """Times or spans as int64 in the coarsest unit that holds them all exactly, and the attributes that tell it."""
    kind = "datetime64" if values.dtype.kind == "M" else "timedelta64"
    units = _DATETIME_UNITS if kind == "datetime64" else _TIMEDELTA_UNITS
    missing = np.isnat(values)
    for code in units:
        coarse = values.astype(f"{kind}[{code}]")
        if ((coarse == values) | missing).all():
            break
    attrs: dict[str, Any] = {"units": units[code]}
    if kind == "datetime64":
        attrs = {"units": f"{units[code]} since 1970-01-01 00:00:00", "calendar": "standard"}
    else:
        resolution = np.datetime_data(values.dtype)[0]
        # without it xarray reads plain numbers
        attrs["dtype"] = f"timedelta64[{resolution if resolution in _DATETIME_UNITS else 's'}]"
    if missing.any():
        attrs["_FillValue"] = NO_TIME
    return coarse.astype("int64"), attrs


def encode_attrs(attrs: Mapping[Any, Any]) -> dict[str, Any]:
    """Attributes as both NetCDF and JSON hold them: None is left out, truth becomes 0 or 1, structure becomes JSON."""
    kept = {re.sub(r"[/\x00-\x1f]", "_", str(key)): value for key, value in attrs.items() if key not in _RESERVED}
    return {key: _attr(value) for key, value in kept.items() if value is not None}


def _attr(value: Any) -> Any:
    if isinstance(value, (bool, np.bool_)):
        return int(value)
    if isinstance(value, (str, float, np.integer, np.floating)):
        return value
    if isinstance(value, int):
        return value if abs(value) < 2**63 else str(value)
    if isinstance(value, bytes):
        return _text(value)
    if isinstance(value, (list, tuple)):
        kinds = {type(item) for item in value}
        if len(kinds) > 1 and not kinds <= {int, float}:  # as an array, 1 and "a" would both become text
            return json.dumps(value, default=str)
        value = np.array(value) if kinds <= {int, float, bool, str} else np.array(value, dtype=object)
    if isinstance(value, np.ndarray):
        if value.ndim == 1 and value.size and value.dtype.kind in "iuf":
            return value
        if value.ndim == 1 and value.size and value.dtype.kind in "UT":
            return [str(item) for item in value]
        return json.dumps(value.tolist(), default=str)
    return json.dumps(value, default=str) if isinstance(value, dict) else str(value)


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
