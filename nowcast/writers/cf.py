"""From a cube or a forecast to the CF dataset that a file will hold: names, times, packing and attributes; no IO.

Everything is said in attributes (units, `_FillValue`, `scale_factor`, `coordinates`, ...), nothing is left for xarray's
encoders to guess, so NetCDF and zarr hold the same numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any

import numpy as np
import xarray as xr

from nowcast import __version__, products
from nowcast.cube import DATASET_PREFIX, FORECAST_DIMS, check, label, source_dims
from nowcast.errors import InputError
from nowcast.writers.encoding import RANGES, encode, encode_attrs
from nowcast.writers.packing import PROBABILITY, Packing, as_float32, pack_probability, packing_of

__all__ = ["CONVENTIONS", "check_forecast", "is_forecast", "to_dataset"]

CONVENTIONS = "CF-1.11"

_OURS = {"source_dims", "grid_mapping", "coordinates"}
_ENCODING = {"_FillValue", "missing_value", "scale_factor", "add_offset", "_Unsigned", "dtype"}
_STALE = {"Conventions", "history", "nowcast_chunks", "nowcast_checksum", products.VARIABLE}


def is_forecast(cube: xr.DataArray) -> bool:
    """Whether this is a forecast cube rather than a plain one."""
    return "forecast_reference_time" in cube.dims


def to_dataset(cube: xr.DataArray | xr.Dataset, *, packed: bool = True, now: datetime | None = None) -> xr.Dataset:
    """The CF dataset of a cube: the source's dim names, times as integers, the field lazily packed or float32.

    Parameters
    ----------
    cube
        Dims `(time, channel, y, x)`, or `(forecast_reference_time, lead_time[, realization], channel, y, x)`; or a
        probabilistic forecast with all its products (see `nowcast.products`).
    packed
        Whether a plain cube keeps the integer packing of its source.
    now
        The time for the `history` line, UTC.

    Raises
    ------
    InputError
        What `nowcast.cube.check` refuses; a forecast cube with wrong dims or times; values beyond float32; a Dataset
        that lacks a product.
    DoesNotFitError
        With `packed`, here or when a lazy block is computed: a value is out of the packing's range.
    """
    if isinstance(cube, xr.Dataset):
        return _of_products(cube, now)
    forecast = is_forecast(cube)
    cube = _with_valid_time(check_forecast(cube)) if forecast else check(cube)
    name, variables = _variables(cube, packed=packed, forecast=forecast)
    return xr.Dataset(variables, attrs=_dataset_attrs(cube, name, forecast, now))


def _of_products(forecast: xr.Dataset, now: datetime | None) -> xr.Dataset:
    """All products on the grid, and by the dim names, that the mean tells of."""
    own, probability = products.mean(forecast), products.probability(forecast)
    name = str(own.name)
    matched = forecast.get(f"{name}_matched")
    if matched is None or probability is None:
        raise InputError(
            f"forecast of {name!r}: not all of its products are there",
            found=", ".join(map(str, forecast.data_vars)),
            needed=f"{name}, {name}_matched and {products.probability_name(name)}",
            next_step="for the mean alone: nowcast.products.mean(forecast)",
        )
    of_all = {key: own.attrs[key] for key in ("source_dims", "grid_mapping") if key in own.attrs}
    variables: dict[Hashable, xr.Variable] = {}
    for product, field, attrs in (
        ("mean", check_forecast(own), own.attrs),
        ("matched", check_forecast(matched), matched.attrs),
        ("probability", probability, _probability_attrs(probability, own)),
    ):
        part = _with_valid_time(
            field.drop_attrs(deep=False).assign_attrs({**attrs, **of_all, "nowcast_product": product})
        )
        variables |= _variables(part, packed=False, forecast=True)[1]
    return xr.Dataset(variables, attrs={**_dataset_attrs(own, name, True, now), products.VARIABLE: name})


def _probability_attrs(probability: xr.DataArray, own: xr.DataArray) -> dict[Hashable, Any]:
    """Its attributes without those that are true of the value alone."""
    of_value = {"standard_name", "cell_methods", *RANGES}
    if probability.attrs.get("long_name") == own.attrs.get("long_name"):
        of_value.add("long_name")
    attrs = {key: value for key, value in probability.attrs.items() if key not in of_value}
    return {"long_name": f"probability that {own.name} reaches the threshold", **attrs, "units": "1"}


def _variables(cube: xr.DataArray, *, packed: bool, forecast: bool) -> tuple[str, dict[Hashable, xr.Variable]]:
    """The name of the field, and the variables of the field and its coordinates as they are written."""
    named = _named_as_source(cube)
    name = str(named.name) if named.name is not None else "field"
    mappings = _grid_mappings(named)
    variables: dict[Hashable, xr.Variable] = {}
    for key, coordinate in named.coords.items():
        variables[key] = encode(coordinate.variable)
        if coordinate.attrs.get("bounds") not in {None, *map(str, named.coords)}:
            del variables[key].attrs["bounds"]  # a DataArray cannot carry bounds: CF forbids to name what is not there
    field = _field(named, packed=packed and not forecast, forecast=forecast)
    auxiliary = [str(key) for key in named.coords if key not in named.dims and key not in mappings]
    if auxiliary:
        field.attrs["coordinates"] = " ".join(sorted(auxiliary))
    return name, {name: field, **variables}


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
        "threshold": {"long_name": "value that is reached or exceeded"},
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
    if data.dtype.kind == "b":  # NetCDF has no truth, and xarray's way to write one is read by xarray alone
        data = data.astype("int8")
    if data.dtype.kind == "f" or forecast:
        attrs = {key: value for key, value in attrs.items() if key not in _ENCODING}
        packing = None if forecast else packing_of(cube.encoding)
        if "threshold" in cube.dims:
            data = _by_block(pack_probability, data, PROBABILITY.dtype)
            attrs.update(PROBABILITY.attrs())
        elif packed and packing is not None:
            data = _by_block(packing.pack, data, packing.dtype)
            attrs.update(packing.attrs())
        else:
            data = _by_block(partial(as_float32, what=label(cube)), data, np.dtype("float32"))
            attrs.update(_unpacked_ranges(attrs, packing, forecast))
            attrs = {key: value for key, value in attrs.items() if value is not None}
            attrs["_FillValue"] = np.float32("nan")
    return xr.Variable(cube.dims, data, encode_attrs(attrs))


def _unpacked_ranges(attrs: Mapping[str, Any], packing: Packing | None, forecast: bool) -> dict[str, Any]:
    """`valid_min`, `valid_max`, `valid_range` in the units of unpacked data; None where that cannot be known."""
    ranges: dict[str, Any] = {}
    for name in RANGES:
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


def _dataset_attrs(cube: xr.DataArray, name: str, forecast: bool, now: datetime | None) -> dict[str, Any]:
    prefixed = [(str(key), value) for key, value in cube.attrs.items() if str(key).startswith(DATASET_PREFIX)]
    attrs = {key.removeprefix(DATASET_PREFIX): value for key, value in prefixed}
    history = attrs.get("history")
    attrs = encode_attrs({key: value for key, value in attrs.items() if key not in _STALE})
    when = (now or datetime.now(UTC)).strftime("%Y-%m-%dT%H:%M:%SZ")
    model = cube.attrs.get("nowcast_model")
    what = f"forecast of {name}{f' by {model}' if model else ''}" if forecast else f"wrote {name}"
    lines = [*([str(history).rstrip("\n")] if history else []), f"{when} nowcast {__version__}: {what}"]
    return {**attrs, "Conventions": CONVENTIONS, "history": "\n".join(lines)}
