"""Which dim is which: by CF attributes, then by name, then by order."""

from __future__ import annotations

from functools import lru_cache

import cf_xarray  # noqa: F401  (registers Dataset.cf)
import xarray as xr

from nowcast.readers.labelling.timing import has_times

__all__ = ["meanings", "roles"]

_STANDARD_NAMES = {
    "forecast_reference_time": "forecast_reference_time",
    "forecast_period": "lead_time",
    "realization": "realization",
}

_NAMES = {
    "time": "time valid_time t datetime date times frame frames",
    "y": "y lat latitude north northing nj row rows ny nlat yc rlat south_north lines nj j",
    "x": "x lon longitude east easting ni col cols column columns nx nlon xc rlon west_east elements pixels ni i long",
    "channel": "channel channels band bands variable wavelength",
    "lead_time": "lead_time leadtime forecast_period",
    "forecast_reference_time": "forecast_reference_time",
    "realization": "realization",
}

_BY_NAME = {name: role for role, names in _NAMES.items() for name in names.split()}

_CF = (("T", "time"), ("time", "time"), ("Y", "y"), ("latitude", "y"), ("X", "x"), ("longitude", "x"))


def meanings(dataset: xr.Dataset) -> dict[str, str]:
    """What variables mean as axes by their attributes, `{variable: role}`; roles are dims of cubes and forecasts."""
    told = ((str(name), variable.dtype.kind, _texts(variable)) for name, variable in dataset.variables.items())
    return dict(_meant(tuple(told)))


_Texts = tuple[tuple[str, str], ...]


def _texts(variable: xr.Variable) -> _Texts:
    """The attributes that cf_xarray can look at."""
    return tuple((str(key), value) for key, value in variable.attrs.items() if isinstance(value, str))


@lru_cache(maxsize=32)  # of a thousand files of one kind, the first is thought about
def _meant(variables: tuple[tuple[str, str, _Texts], ...]) -> dict[str, str]:
    shadow = xr.Dataset(coords={name: ((), 0, dict(texts)) for name, _, texts in variables})
    found: dict[str, str] = {}
    for name, kind, texts in variables:
        standard = dict(texts).get("standard_name")
        if standard in _STANDARD_NAMES:
            found[name] = _STANDARD_NAMES[standard]
        elif kind == "M" and name not in _BY_NAME:
            found[name] = "time"
    for tables in (shadow.cf.axes, shadow.cf.coordinates):
        for key, role in _CF:
            for name in tables.get(key, []):
                found.setdefault(str(name), role)
    return found


def roles(dataset: xr.Dataset, dims: tuple[str, ...], known: dict[str, str]) -> tuple[dict[str, str], bool]:
    """The role of each dim that has one, `{dim: role}`, and whether y and x are told and not only guessed by order.

    A dim has the meaning of the variable of its name, else of a one-dimensional variable along it.
    """
    found: dict[str, str] = {}

    def assign(dim: str, role: str | None) -> None:
        if role is not None and dim not in found and role not in found.values():
            found[dim] = role

    for dim in dims:
        if _BY_NAME.get(dim.lower()) in ("lead_time", "forecast_reference_time", "realization"):
            assign(dim, _BY_NAME[dim.lower()])
        assign(dim, known.get(dim))
        if dim in dataset.variables and has_times(dataset.variables[dim]):
            assign(dim, "time")
    for dim in dims:
        for name, role in known.items():
            if dataset.variables[name].dims == (dim,):
                assign(dim, role)
    for dim in dims:
        assign(dim, _BY_NAME.get(dim.lower()))
    sure = {"y", "x"} <= set(found.values())
    for role in ("x", "y"):
        left = [dim for dim in dims if dim not in found]
        wide = [dim for dim in left if dataset.sizes[dim] > 1] or left
        if wide:
            assign(wide[-1], role)
    return found, sure
