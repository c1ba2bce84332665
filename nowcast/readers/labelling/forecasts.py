"""A lazy dataset becomes a forecast cube, `(forecast_reference_time, lead_time, [realization,] channel, y, x)`, or,
where it holds all products of a probabilistic forecast, these.
"""

from __future__ import annotations

import numpy as np
import xarray as xr

from nowcast import products
from nowcast.cube import DATASET_PREFIX, with_source_dims
from nowcast.errors import InputError
from nowcast.readers.labelling.axes import meanings
from nowcast.readers.labelling.channels import select_extra
from nowcast.readers.labelling.fields import Field, pick
from nowcast.readers.labelling.gridded import labelled
from nowcast.readers.labelling.timing import decoded, has_times, lead_times

__all__ = ["as_forecast"]

_REFERENCE, _LEAD = "forecast_reference_time", "lead_time"


def as_forecast(dataset: xr.Dataset, label: str, *, variable: str | None = None) -> xr.DataArray | xr.Dataset:
    """The forecast of one file, lazy, with `valid_time` of dims `(forecast_reference_time, lead_time)`.

    A cube; or all products of the variable that the attribute `nowcast_variable` names, where they are there and no
    `variable` is asked for. A file of a single forecast may have its reference time as a scalar, and its lead times
    along a time axis.

    Raises
    ------
    InputError
        It has no reference time or no lead times; or what `fields.pick` and `products.combined` refuse.
    """
    field = pick(dataset, label, variable)
    names = (field.name, f"{field.name}_matched", products.probability_name(field.name))
    whole = variable is None and dataset.attrs.get(products.VARIABLE) == field.name
    if not whole or not all(name in dataset.data_vars for name in names):
        return _cube(dataset, field, label)
    own, matched, probability = (
        _cube(dataset.drop_vars({*names, "threshold"} - kept), Field(name, roles, field.sure), label)
        for name, kept, roles in (
            (names[0], {names[0]}, field.roles),
            (names[1], {names[1]}, field.roles),
            (names[2], {names[2], "threshold"}, {**field.roles, "threshold": "threshold"}),
        )
    )
    try:
        return products.combined(own, matched, probability)
    except InputError as error:
        raise InputError(f"{label}: {error.what}", found=error.found, needed=error.needed) from error


def _cube(dataset: xr.Dataset, field: Field, label: str) -> xr.DataArray:
    known = meanings(dataset)
    lead = _coordinate(dataset, known, _LEAD, "forecast_period")
    reference = _coordinate(dataset, known, _REFERENCE, _REFERENCE)
    if lead is None or reference is None:
        raise InputError(
            f"{label}: variable {field.name!r} is not a forecast",
            found=f"dims ({', '.join(map(str, dataset.variables[field.name].dims))}), no "
            + ("lead times" if lead is None else "forecast reference time"),
            needed="the coordinates forecast_reference_time and lead_time (forecast_period)",
            next_step="observed frames open with nowcast.open_cube(path)",
        )
    roles = dict(field.roles)
    along = dataset.variables[lead].dims
    if len(along) == 1 and roles.get(str(along[0])) == "time":
        roles[str(along[0])] = _LEAD
    field = Field(field.name, roles, field.sure)
    moments = {
        lead: lead_times(dataset.variables[lead], label),
        reference: decoded(reference, dataset.variables[reference], label),
    }
    array, _ = labelled(dataset.drop_vars([lead, reference]), field, label)
    array, names = select_extra(array, field.roles, label, None)
    array = array.drop_vars([name for name in (_LEAD, _REFERENCE, "valid_time") if name in array.coords])
    for dim, name in ((_LEAD, lead), (_REFERENCE, reference)):
        values = np.atleast_1d(moments[name].values)
        if dim not in array.dims:
            array = array.expand_dims(dim)
        if values.shape != (array.sizes[dim],):
            raise InputError(
                f"{label}: {name!r} does not fit the forecast",
                found=f"{values.size} values",
                needed=f"{array.sizes[dim]}, one for each entry of {dim}",
            )
        array = array.assign_coords({dim: xr.Variable((dim,), values, moments[name].attrs)})
    if "input_age" in array.coords:
        age = lead_times(array["input_age"].variable, label)
        array = array.assign_coords(input_age=age)
    if "channel" not in array.dims:
        array = array.expand_dims("channel")
    beside = [dim for dim in ("realization", "threshold") if dim in array.dims]
    array = array.transpose(_REFERENCE, _LEAD, *beside, "channel", "y", "x")
    array.attrs.pop(f"{DATASET_PREFIX}{products.VARIABLE}", None)
    valid = array[_REFERENCE].values[:, None] + array[_LEAD].values[None, :]
    array = array.assign_coords(valid_time=((_REFERENCE, _LEAD), valid, {"standard_name": "time"}))
    return with_source_dims(array, {ours: theirs for ours, theirs in names.items() if ours in ("channel", "y", "x")})


def _coordinate(dataset: xr.Dataset, known: dict[str, str], role: str, other: str) -> str | None:
    for name in (role, other):
        if name in dataset.variables:
            return name
    named = [name for name, meaning in known.items() if meaning == role]
    return next((name for name in named if role != _REFERENCE or has_times(dataset.variables[name])), None)
