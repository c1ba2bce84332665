"""An array or a dataset that a user has in hand, as a cube: by the rules by which files are read."""

from __future__ import annotations

import xarray as xr

from nowcast.cube import DIMS, check
from nowcast.errors import InputError
from nowcast.products import is_forecast
from nowcast.readers.labelling.fields import candidates
from nowcast.readers.labelling.gridded import as_cube
from nowcast.readers.options import Options

__all__ = ["cube_of"]

UNNAMED = "field"


def cube_of(source: xr.DataArray | xr.Dataset) -> xr.DataArray:
    """The cube `(time, channel, y, x)` of an array with dims of any names and order, or of a dataset's only field.

    Which dim is which is told by CF attributes, by dates, by usual names (`t`, `lat`, `easting`, ...), and for y and x
    by order, as of files. A cube comes back as it is; another array is lazy from here on. Axes of length 1 fall away.

    Raises
    ------
    InputError
        No field, several, a forecast, another axis, or no times.
    """
    if is_forecast(source):
        raise InputError(
            "this is a forecast, not a cube of observed frames",
            found=f"dims {tuple(source.dims)}",
            needed="one time axis, y and x",
            next_step="cube.nowcast.score(forecast), forecast.nowcast.animate()",
        )
    if isinstance(source, xr.DataArray):
        if source.dims == DIMS:
            return check(source)
        name = UNNAMED if source.name is None else str(source.name)
        label = str(source.encoding.get("source", f"array {name!r}"))
        dataset = source.drop_vars([each for each in source.coords if each == name]).to_dataset(name=name)
    else:
        label, dataset = str(source.encoding.get("source", "the dataset")), source
        name = _only(dataset, label)
        if dataset[name].dims == DIMS:
            return check(dataset[name])
    missing = next((str(dim) for dim in dataset[name].dims if dim in ("time", "t")), None)
    if missing is not None and not any(missing in coord.dims for coord in dataset.coords.values()):
        raise InputError(
            f"{label}: the axis {missing!r} has no times",
            found=f"{dataset.sizes[missing]} frames, coordinates {', '.join(map(str, dataset.coords)) or 'none'}",
            needed="dates along it",
            next_step=f'.assign_coords({missing}=pandas.date_range("2026-05-01", periods={dataset.sizes[missing]}, '
            'freq="5min"))',
        )
    return as_cube(dataset, label, Options(variable=name))


def _only(dataset: xr.Dataset, label: str) -> str:
    names = [field.name for field in candidates(dataset)]
    if len(names) != 1:
        raise InputError(
            f"{label}: holds {len(names)} fields, choose one" if names else f"{label}: holds no field on a grid",
            found=", ".join(names or map(str, dataset.data_vars)) or "no variables",
            needed="one numeric variable with the dims y and x (and time)",
            next_step=f"dataset[{names[0]!r}].nowcast" if names else None,
        )
    return names[0]
