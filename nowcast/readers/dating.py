"""When the frames of a file were taken: by a scalar, by attributes, by the file's name, or by their order."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import xarray as xr

from nowcast.errors import InputError
from nowcast.readers.naming import name_time
from nowcast.readers.options import Options
from nowcast.readers.timing import counted, has_times, scalar_time, stated_time

__all__ = ["stated", "timed"]


def timed(
    array: xr.DataArray, dataset: xr.Dataset, label: str, options: Options, number: int | None
) -> tuple[xr.DataArray, str | None]:
    """The array with a time axis of one frame, and the name of the scalar variable that gave the time."""
    scalars = {str(name): coord.variable for name, coord in array.coords.items() if coord.ndim == 0}
    name = scalar_time(scalars)
    if name is None:
        return stated(array.expand_dims("time"), dataset, label, options, number), None
    moments = [other for other, scalar in scalars.items() if has_times(scalar) and other != name]
    time = scalars[name]
    array = array.drop_vars([name, *moments])
    if "time" in array.coords:
        array = array.rename(time="source_time")
    array = array.expand_dims("time")
    single = {key: xr.Variable(("time",), scalars[key].values[None], scalars[key].attrs) for key in moments}
    axis = xr.Variable(("time",), time.values[None], time.attrs)
    return array.assign_coords({"time": axis, **single}), name


def stated(array: xr.DataArray, dataset: xr.Dataset, label: str, options: Options, number: int | None) -> xr.DataArray:
    found = stated_time(dict(array.attrs), {str(key): value for key, value in dataset.attrs.items()})
    told = f"attribute {found[1]}" if found else "file name"
    moment = found[0] if found else name_time(Path(label).name)
    step, start = options.step_seconds(), options.first_moment()
    if moment is None and step is not None and (number is not None or array.sizes["time"] > 1):
        first = number or 0
        frames = counted(first + array.sizes["time"], step, start)[first:]
        return array.assign_coords(time=frames).assign_attrs(time_source="--time-step and the order of the frames")
    if moment is None and array.sizes["time"] == 1 and number is None and start is not None:
        moment, told = start.to_datetime64().astype("datetime64[ns]"), "--start-time"
    if moment is None or array.sizes["time"] != 1:
        several = number is not None or array.sizes["time"] > 1
        raise InputError(
            f"{label}: nothing says when the {array.sizes['time']} frame(s) of {array.name!r} were taken",
            found=f"coordinates {', '.join(map(str, array.coords)) or 'none'}",
            needed="a coordinate with units as 'seconds since 1970-01-01', or, for one frame, time_coverage_start",
            next_step="--time-step 30s, for frames in the order of their names or of the axis"
            if several
            else "--start-time 2026-05-01T12:00, or add times with xarray: dataset.assign_coords(time=(dim, times))",
        )
    axis = xr.Variable(("time",), np.array([moment]), {"standard_name": "time"})
    return array.assign_coords(time=axis).assign_attrs(time_source=told)
