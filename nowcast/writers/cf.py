"""From a cube or a forecast cube to the CF dataset that a file will hold: names, times, packing and attributes; no IO.

Everything is said in attributes (units, `_FillValue`, `scale_factor`, `coordinates`, ...), nothing is left for xarray's
encoders to guess, so NetCDF and zarr hold the same numbers.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Hashable, Mapping
from datetime import UTC, datetime
from typing import Any

import numpy as np
import xarray as xr

from nowcast import __version__
from nowcast.cube import DATASET_PREFIX, FORECAST_DIMS, check, label, source_dims
from nowcast.errors import InputError
from nowcast.writers.packing import Packing, packing_of

__all__ = ["CONVENTIONS", "check_forecast", "encode_dataset", "is_forecast", "to_dataset"]

CONVENTIONS = "CF-1.11"

"""A forecast cube's dims; `realization` may stand before `channel`."""

NO_TIME = np.int64(np.iinfo(np.int64).min)
"""How NaT is written; only coordinates that hold one have it as `_FillValue`."""

_DATETIME_UNITS = {"s": "seconds", "ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds"}
_TIMEDELTA_UNITS = {"m": "minutes", **_DATETIME_UNITS}

_OURS = {"source_dims", "grid_mapping", "coordinates"}
_ENCODING = {"_FillValue", "missing_value", "scale_factor", "add_offset", "_Unsigned", "dtype"}
_RANGES = ("valid_min", "valid_max", "valid_range")
_STALE = {"Conventions", "history", "nowcast_chunks", "nowcast_checksum"}
_RESERVED = {"_NCProperties", "_Netcdf4Dimid", "_Netcdf4Coordinates", "_nc3_strict", "_ARRAY_DIMENSIONS"}
_RESERVED |= {"DIMENSION_LIST", "REFERENCE_LIST", "CLASS", "NAME"}


def is_forecast(cube: xr.DataArray) -> bool:
    """Whether this is a forecast cube rather than a plain one."""
    return "forecast_reference_time" in cube.dims


def to_dataset(cube: xr.DataArray, *, packed: bool = True, now: datetime | None = None) -> xr.Dataset:
    """The CF dataset of a cube: the source's dim names, times as integers, the field lazily packed or float32.

    Parameters
    ----------
    cube
        Dims `(time, channel, y, x)`, or `(forecast_reference_time, lead_time[, realization], channel, y, x)`.
    packed
        Whether a plain cube keeps the integer packing of its source.
    now
        The time for the `history` line, UTC.

    Raises
    ------
    InputError
        What `nowcast.cube.check` refuses; a forecast cube with wrong dims or times; values beyond float32.
    DoesNotFitError
        With `packed`, here or when a lazy block is computed: a value is out of the packing's range.
    """
    forecast = is_forecast(cube)
    if forecast:
        cube = _with_valid_time(check_forecast(cube))
    else:
        check(cube)
    named = _named_as_source(cube)
    name = str(named.name) if named.name is not None else "field"
    mappings = _grid_mappings(named)
    variables: dict[Hashable, xr.Variable] = {}
    for key, coordinate in named.coords.items():
        variables[key] = _encode(coordinate.variable)
        if coordinate.attrs.get("bounds") not in {None, *map(str, named.coords)}:
            del variables[key].attrs["bounds"]  # a DataArray cannot carry bounds: CF forbids to name what is not there
    field = _field(named, packed=packed and not forecast, forecast=forecast)
    auxiliary = [str(key) for key in named.coords if key not in named.dims and key not in mappings]
    if auxiliary:
        field.attrs["coordinates"] = " ".join(sorted(auxiliary))
    return xr.Dataset({name: field, **variables}, attrs=_dataset_attrs(cube, name, forecast, now))


def encode_dataset(dataset: xr.Dataset) -> xr.Dataset:
    """Any dataset with its times as integers, its labels as strings and its attributes as NetCDF and JSON hold them."""
    variables = {name: _encode(variable) for name, variable in dataset.variables.items()}
    return xr.Dataset(variables, attrs=_attrs(dataset.attrs)).set_coords(list(dataset.coords))


def check_forecast(cube: xr.DataArray) -> xr.DataArray:
    """Return the forecast cube as it is, or raise `InputError` with what keeps it from being one."""
    with_realization = (*FORECAST_DIMS[:2], "realization", *FORECAST_DIMS[2:])
    if cube.dims not in (FORECAST_DIMS, with_realization):
        raise InputError(
            f"{label(cube)}: these are not the dims of a forecast cube",
            found=str(tuple(cube.dims)),
            needed=f"{FORECAST_DIMS}, or with 'realization' before 'channel'",
        )
    if 0 in cube.shape:
        raise InputError(f"{label(cube)}: an axis is empty", found=f"shape {cube.shape}", needed="at least one of each")
    for name, kind, what in (("forecast_reference_time", "M", "datetime64"), ("lead_time", "m", "timedelta64")):
        if name not in cube.coords or cube[name].dtype.kind != kind or cube[name].isnull().any():
            found = f"{cube[name].dtype}" if name in cube.coords else "no such coordinate"
            raise InputError(f"{label(cube)}: {name} is not usable", found=found, needed=f"{what} without NaT")
    return cube


def _with_valid_time(cube: xr.DataArray) -> xr.DataArray:
    reference, lead = cube["forecast_reference_time"], cube["lead_time"]
    valid = reference.variable + lead.variable
    valid.attrs = {"standard_name": "time", "long_name": "time for which the forecast is valid"}
    cube = cube.drop_encoding().assign_coords(valid_time=valid)
    defaults = {
        "forecast_reference_time": {"standard_name": "forecast_reference_time"},
        "lead_time": {"standard_name": "forecast_period", "long_name": "time since forecast_reference_time"},
        "realization": {"standard_name": "realization", "units": "1"},
    }
    for name, attrs in defaults.items():
        if name in cube.dims:
            if name not in cube.coords:
                cube = cube.assign_coords({name: np.arange(cube.sizes[name])})
            cube = cube.assign_coords({name: cube[name].assign_attrs({**attrs, **cube[name].attrs})})
    return cube


def _named_as_source(cube: xr.DataArray) -> xr.DataArray:
    names = source_dims(cube)
    if "channel" not in names and cube.sizes["channel"] == 1:
        cube = cube.squeeze("channel").drop_vars("channel", errors="ignore")
    wanted = {str(ours): names[str(ours)] for ours in cube.dims if names.get(str(ours), ours) != ours}
    taken = (set(cube.coords) | set(cube.dims)) - set(wanted)
    return cube.rename({ours: theirs for ours, theirs in wanted.items() if theirs not in taken})


def _grid_mappings(cube: xr.DataArray) -> list[str]:
    """Names of the grid mapping variables that the cube carries ("crs", or several in CF's long form "crs: x y")."""
    text = str(cube.attrs.get("grid_mapping") or cube.encoding.get("grid_mapping") or "")
    words = [word.removesuffix(":") for word in text.split()]
    return [word for word in words if word in cube.coords and cube[word].ndim == 0]


def _field(cube: xr.DataArray, *, packed: bool, forecast: bool) -> xr.Variable:
    attrs = {key: value for key, value in cube.attrs.items() if key not in _OURS and key != "actual_range"}
    attrs = {key: value for key, value in attrs.items() if not str(key).startswith(DATASET_PREFIX)}
    mapping = cube.attrs.get("grid_mapping") or cube.encoding.get("grid_mapping")
    if mapping:
        attrs["grid_mapping"] = mapping
    data = cube.data
    if data.dtype.kind == "f" or forecast:
        attrs = {key: value for key, value in attrs.items() if key not in _ENCODING}
        packing = None if forecast else packing_of(cube.encoding)
        if packed and packing is not None:
            data = _by_block(packing.pack, data, packing.dtype)
            attrs.update(packing.attrs())
        else:
            data = _by_block(_as_float32, data, np.dtype("float32"))
            attrs.update(_unpacked_ranges(attrs, packing, forecast))
            attrs = {key: value for key, value in attrs.items() if value is not None}
            attrs["_FillValue"] = np.float32("nan")
    return xr.Variable(cube.dims, data, _attrs(attrs))


def _unpacked_ranges(attrs: Mapping[str, Any], packing: Packing | None, forecast: bool) -> dict[str, Any]:
    """`valid_min`, `valid_max`, `valid_range` in the units of unpacked data; None where that cannot be known."""
    ranges: dict[str, Any] = {}
    for name in _RANGES:
        if name in attrs:
            values = np.asarray(attrs[name])
            if values.dtype.kind not in "iuf":
                continue
            if values.dtype.kind in "iu" and packing is not None:
                values = packing.unpack(values)
            # a forecast no longer knows its source's packing, and readers mask what lies outside a valid range
            unknown = values.dtype.kind in "iu" and forecast
            ranges[name] = None if unknown else values.astype("float32")[()]
    return ranges


def _by_block(function: Callable[[np.ndarray], np.ndarray], data: Any, dtype: np.dtype[Any]) -> Any:
    if hasattr(data, "dask"):
        return data.map_blocks(function, dtype=dtype, meta=np.empty((0,) * data.ndim, dtype))
    return function(np.asarray(data))


def _as_float32(block: np.ndarray) -> np.ndarray:
    try:
        with np.errstate(over="raise"):
            return block.astype("float32")
    except FloatingPointError as error:
        raise InputError(
            "values beyond the range of float32 cannot be written",
            found=f"up to {np.nanmax(np.abs(block)):g}",
            needed="less than 3.4e38",
        ) from error


def _encode(variable: xr.Variable) -> xr.Variable:
    """A coordinate as it is written: times as integers, labels as strings, the rest bit for bit."""
    attrs = _attrs({key: value for key, value in variable.attrs.items() if key not in {"_FillValue", "missing_value"}})
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
        ranges = {key: np.asarray(attrs[key]) for key in (*_RANGES, "actual_range") if key in attrs}
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


def _dataset_attrs(cube: xr.DataArray, name: str, forecast: bool, now: datetime | None) -> dict[str, Any]:
    prefixed = [(str(key), value) for key, value in cube.attrs.items() if str(key).startswith(DATASET_PREFIX)]
    attrs = {key.removeprefix(DATASET_PREFIX): value for key, value in prefixed}
    history = attrs.get("history")
    attrs = _attrs({key: value for key, value in attrs.items() if key not in _STALE})
    when = (now or datetime.now(UTC)).strftime("%Y-%m-%dT%H:%M:%SZ")
    model = cube.attrs.get("nowcast_model")
    what = f"forecast of {name}{f' by {model}' if model else ''}" if forecast else f"wrote {name}"
    lines = [*([str(history).rstrip("\n")] if history else []), f"{when} nowcast {__version__}: {what}"]
    return {**attrs, "Conventions": CONVENTIONS, "history": "\n".join(lines)}


def _attrs(attrs: Mapping[Any, Any]) -> dict[str, Any]:
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
