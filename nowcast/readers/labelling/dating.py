"""When the frames of a file were taken: by a scalar, by attributes, by the file's name, or by their order."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from nowcast.errors import InputError
from nowcast.readers.counting import counted
from nowcast.readers.labelling.timing import has_times, scalar_time, stated_time
from nowcast.readers.naming import Place, name_time
from nowcast.readers.options import Options

__all__ = ["stated", "timed"]


def timed(
    array: xr.DataArray, dataset: xr.Dataset, label: str, options: Options, place: Place | None
) -> tuple[xr.DataArray, str | None]:
    """The array with a time axis of one frame, and the name of the scalar variable that gave the time."""
    scalars = {str(name): coord.variable for name, coord in array.coords.items() if coord.ndim == 0}
    name = scalar_time(scalars)
    if name is None:
        return stated(array.expand_dims("time"), dataset, label, options, place), None
    moments = [other for other, scalar in scalars.items() if has_times(scalar) and other != name]
    time = scalars[name]
    array = array.drop_vars([name, *moments])
    if "time" in array.coords:
        array = array.rename(time="source_time")
    array = array.expand_dims("time")
    single = {key: xr.Variable(("time",), scalars[key].values[None], scalars[key].attrs) for key in moments}
    axis = xr.Variable(("time",), time.values[None], time.attrs)
    return array.assign_coords({"time": axis, **single}), name


def stated(array: xr.DataArray, dataset: xr.Dataset, label: str, options: Options, place: Place | None) -> xr.DataArray:
    """The array with times, of a time axis without any; what the file says goes before what the options say."""
    found = stated_time(dict(array.attrs), {str(key): value for key, value in dataset.attrs.items()})
    told = f"attribute {found[1]}" if found else "file name"
    moment = found[0] if found else name_time(Path(label).name)
    step, start, frames = options.step_seconds(), options.first_moment(), array.sizes["time"]
    if step is not None and (frames > 1 or (moment is None and place is not None)):
        first = 0 if place is None or frames > 1 else _number(place)
        begun = None if moment is None or "end" in told else pd.Timestamp(moment)
        axis = counted(first + frames, step, start if begun is None else begun)[first:]
        order = "--time-step and the order of the frames" + (f", from the time of the {told}" if begun else "")
        return array.assign_coords(time=axis).assign_attrs(time_source=order)
    if moment is None and frames == 1 and place is None and start is not None:
        moment, told = start.to_datetime64().astype("datetime64[ns]"), "--start-time"
    if moment is None or frames != 1:
        order = "" if place is None or frames > 1 else f"; as a series their order would be {place.order}"
        raise InputError(
            f"{label}: nothing says when the {frames} frame(s) of {array.name!r} were taken",
            found=f"coordinates {', '.join(map(str, array.coords)) or 'none'}{order}",
            needed="a coordinate with units as 'seconds since 1970-01-01', or, for one frame, time_coverage_start",
            next_step="--time-step 30s, for frames in the order of their names or of the axis"
            if place is not None or frames > 1
            else "--start-time 2026-05-01T12:00, or add times with xarray: dataset.assign_coords(time=(dim, times))",
        )
    axis = xr.Variable(("time",), np.array([moment]), {"standard_name": "time"})
    return array.assign_coords(time=axis).assign_attrs(time_source=told)


def _number(place: Place) -> int:
    if place.twice is not None:
        raise InputError(
            f"{place.twice}: the last number in both names is the same, so these files are no one series of frames",
            found=f"in this order: {place.order}",
            needed="names that count the frames, each number once",
            next_step="give one series at a time, as a glob such as 'ch1_*.png'",
        )
    return place.number
