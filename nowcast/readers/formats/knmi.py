"""KNMI's own HDF5 layout of radar composites (not ODIM), as in its open archive of rainfall and reflectivity.

Format: https://cdn.knmi.nl/knmi/pdf/bibliotheek/knmipubIR/IR2003-05.pdf
"""

from __future__ import annotations

import re
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from nowcast.errors import InputError
from nowcast.readers.damage import LONGEST_SIDE, damaged
from nowcast.readers.formats.hdf5 import attributes, numbered, opened, top_of
from nowcast.readers.lazy import lazily
from nowcast.readers.options import Options
from nowcast.readers.projections import grid_mapping_of, projected_axes

__all__ = ["KNMIReader"]

_FORMULA = re.compile(r"GEO=([-+0-9.eE]+)\*PV(?:\+?([-+0-9.eE]+))?")
_MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]


class KNMIReader:
    """Composites of one time, or of several as in forecasts. Accumulations are stamped with the end of their interval.

    `stat_max_value` and its like are not believed: the archive states 0.
    """

    name = "KNMI HDF5"

    def recognises(self, path: Path) -> bool:
        return not path.is_dir() and {"overview", "geographic", "image1"} <= top_of(path)[1]

    def open(self, path: Path, options: Options) -> xr.Dataset:
        with opened(path) as file:
            grid, overview = attributes(file["geographic"]), attributes(file["overview"])
            projection = attributes(file["geographic/map_projection"])["projection_proj4_params"]
            shape = int(grid["geo_number_rows"]), int(grid["geo_number_columns"])
            end, start = (_moment(str(overview[f"product_datetime_{name}"])) for name in ("end", "start"))
            minutes = float((end - start) / np.timedelta64(1, "m"))
            images = {place: _image(path, file[place], shape, minutes) for place in numbered(file, "image")}
            stamps = {place: attributes(file[place]).get("image_datetime_valid") for place in images}
            axes = projected_axes(_centres(grid, "y", "row", shape[0]), _centres(grid, "x", "column", shape[1]))
        fields: dict[str, dict[np.datetime64, str]] = {}
        for place, (name, _, _) in images.items():
            when = end if stamps[place] is None else _moment(str(stamps[place]))
            fields.setdefault(name, {})[when] = place
        times = list(next(iter(fields.values())))
        if sum(map(len, fields.values())) < len(images) or any(list(each) != times for each in fields.values()):
            raise InputError(
                f"{path}: its {len(images)} images make no series in time",
                found=", ".join(f"{place} {images[place][0]} {stamps[place] or end}" for place in list(images)[:5]),
                needed="for each quantity one image for each time",
            )
        variables: dict[str, xr.Variable] = {"crs": grid_mapping_of(projection, label=str(path))}
        for name, frames in fields.items():
            places = tuple(frames.values())
            _, attrs, dtype = images[places[0]]
            if any(str(images[place]) != str(images[places[0]]) for place in places):
                raise InputError(f"{path}: its images of {name!r} differ in calibration", needed="one for all")
            values = lazily(path, partial(_load, path, places), frames=len(places), shape=shape, dtype=dtype)
            variables[name] = xr.Variable(("time", "y", "x"), values, {**attrs, "grid_mapping": "crs"})
        axes["time"] = xr.Variable(("time",), np.array(times), {"standard_name": "time"})
        if times == [end]:
            axes["start_time"] = xr.Variable(("time",), np.array([start]), {"long_name": "start of the interval"})
        attrs = {"institution": "KNMI", "product": str(overview.get("product_group_name", ""))}
        return xr.Dataset(variables, coords=axes, attrs=attrs)


def _image(path: Path, group: Any, shape: tuple[int, int], minutes: float) -> tuple[str, dict[str, Any], np.dtype[Any]]:
    """The field's name, its attributes with those that decode it, and the stored type."""
    stored, calibration = group["image_data"], attributes(group["calibration"])
    if stored.shape != shape or not 1 <= min(shape) <= max(shape) <= LONGEST_SIDE or stored.dtype.kind not in "iu":
        raise damaged(
            path,
            f"{group.name} is not the size that the file states",
            found=f"{stored.dtype} {stored.shape}",
            needed=f"integers {shape}",
        )
    scale, offset = _formula(path, str(calibration["calibration_formulas"]))
    name, attrs = _meaning(str(attributes(group).get("image_geo_parameter", "")), minutes)
    codes = [calibration.get(f"calibration_{code}") for code in ("out_of_image", "missing_data")]
    missing = {int(code) for code in codes if code is not None}
    if name == "reflectivity" and 0 in missing:  # KNMI's 0 is "no echo", and its dBZ are the formula's
        missing.remove(0)
        attrs |= {"no_echo_value": offset, "undetect_read_as": offset}
    packing: dict[str, Any] = {"scale_factor": scale, "add_offset": offset}
    for key, code in zip(("_FillValue", "missing_value"), sorted(missing, reverse=True), strict=False):
        packing[key] = np.array(code, stored.dtype)[()]
    return name, attrs | packing, stored.dtype


def _centres(grid: dict[str, Any], axis: str, side: str, count: int) -> np.ndarray:
    """In metres; offsets are in pixels, of the upper left corners of pixels unless the file says of their centres."""
    middle = 0.0 if str(grid.get("geo_pixel_def", "LU")).upper().startswith("C") else 0.5
    size, first = float(grid[f"geo_pixel_size_{axis}"]), float(grid[f"geo_{side}_offset"])
    return 1000 * size * (first + middle + np.arange(count))


def _load(path: Path, places: tuple[str, ...], first: int, stop: int) -> np.ndarray:
    with opened(path) as file:
        return np.stack([file[place]["image_data"][()] for place in places[first:stop]])


def _formula(path: Path, text: str) -> tuple[float, float]:
    found = _FORMULA.fullmatch(text.replace(" ", ""))
    scale, offset = (float(found[1]), float(found[2] or 0)) if found else (0.0, 0.0)
    if scale == 0 or not np.isfinite([scale, offset]).all():
        raise InputError(f"{path}: its calibration cannot be understood", found=repr(text[:80]), needed="GEO=a*PV+b")
    return scale, offset


def _moment(text: str) -> np.datetime64:
    """`26-AUG-2010;00:00:00.000`, whatever the language of the machine."""
    day, month, rest = text.split("-", 2)
    number = _MONTHS.index(month.upper()) + 1
    return np.datetime64(datetime.strptime(f"{day}-{number}-{rest}", "%d-%m-%Y;%H:%M:%S.%f"), "ns")


def _meaning(parameter: str, minutes: float) -> tuple[str, dict[str, Any]]:
    """Name and CF attributes by KNMI's words for what is in the image."""
    unit = re.search(r"\[(.*?)\]", parameter)
    words = parameter.split("_[")[0].lower()
    if "accumulated_precipitation" in words:
        return "precipitation_amount", {
            "units": "mm",
            "standard_name": "lwe_thickness_of_precipitation_amount",
            "long_name": f"precipitation in {minutes:g} min" if minutes > 0 else "precipitation",
            "cell_methods": f"time: sum (interval: {minutes:g} minutes)" if minutes > 0 else "time: sum",
        }
    if "reflectivity" in words:
        return "reflectivity", {"units": "dBZ", "standard_name": "equivalent_reflectivity_factor", "long_name": words}
    return re.sub(r"\W+", "_", words) or "image", {"units": unit[1].lower() if unit else "", "long_name": words}
