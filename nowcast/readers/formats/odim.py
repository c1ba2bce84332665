"""ODIM_H5 composites and images, layouts 2.0 to 2.4 (OPERA Data Information Model for HDF5, EUMETNET 2014-2021).

Specification: https://www.eumetnet.eu/wp-content/uploads/2021/07/ODIM_H5_v2.4.pdf
"""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from nowcast.errors import InputError, NowcastWarning
from nowcast.readers.damage import LONGEST_SIDE, damaged
from nowcast.readers.formats.hdf5 import attributes, numbered, opened, top_of
from nowcast.readers.lazy import lazily
from nowcast.readers.options import Options
from nowcast.readers.projections import (
    centres,
    geographic_axes,
    grid_mapping_of,
    is_geographic,
    projected,
    projected_axes,
)

__all__ = ["ODIMReader"]

NO_ECHO = -32.0
"""dBZ for "measured, no echo": undetect has no value in decibels, and this is below any rain."""

_OBJECTS = ("COMP", "IMAGE")
_QUANTITIES = {
    "RATE": ("rain_rate", "mm h-1", "rainfall_rate"),
    "ACRR": ("precipitation_amount", "mm", "lwe_thickness_of_precipitation_amount"),
    **dict.fromkeys(("DBZ", "DBZH", "DBZV", "TH", "TV"), ("reflectivity", "dBZ", "equivalent_reflectivity_factor")),
}
_AMOUNTS = ("RATE", "ACRR", "VIL", "POR")
_UNITS = {"VIL": "kg m-2", "HGHT": "km", "VRAD": "m s-1", "VRADH": "m s-1", "ZDR": "dB", "POR": "1"}
_QUALITY = re.compile(r"QIND|BRDR|CLASS", re.IGNORECASE)


@dataclass(frozen=True)
class _Image:
    """One field of the file: where it lies and how its numbers become values."""

    place: str
    quantity: str
    shape: tuple[int, int]
    gain: float
    offset: float
    nodata: float | None
    undetect: float | None
    start: np.datetime64 | None
    end: np.datetime64 | None


class ODIMReader:
    """Composites of one or more quantities and times. Nodata is missing; undetect is no rain: 0, or -32 dBZ."""

    name = "ODIM HDF5"

    def recognises(self, path: Path) -> bool:
        return not path.is_dir() and top_of(path)[0].startswith("ODIM_H5")

    def open(self, path: Path, options: Options) -> xr.Dataset:
        with opened(path) as file:
            what, where = attributes(file["what"]), attributes(file["where"]) if "where" in file else {}
            if what.get("object") not in _OBJECTS:
                raise InputError(
                    f"{path}: an ODIM file of another kind",
                    found=f"object {what.get('object')!r}",
                    needed=f"a composite or an image on a grid ({', '.join(_OBJECTS)}); polar volumes are not read",
                    next_step="make a composite of it first, with wradlib or BALTRAD",
                )
            images = [image for image in _images(file) if not _QUALITY.fullmatch(image.quantity)]
            nominal = _moment(what.get("date"), what.get("time"))
            where = where or attributes(file["dataset1/where"])
        if not images or nominal is None:
            raise damaged(
                path,
                "it holds no image" if not images else "it states no time",
                needed="dataset1/data1/data and what/date, what/time, as ODIM_H5 prescribes",
            )
        for image in images:
            if image.shape != images[0].shape:
                raise InputError(f"{path}: images of two sizes", found=f"{image.shape} and {images[0].shape}")
        fields = _fields(images, nominal)
        told = options.variable if options.variable in fields else next(iter(fields))
        times = list(fields[told])
        of_other_times = [name for name, frames in fields.items() if list(frames) != times]
        if of_other_times and options.variable is None:
            raise InputError(
                f"{path}: its fields are of different times, choose one",
                found=", ".join(fields),
                next_step=f"--variable {told}",
            )
        coords = _grid(path, where, images[0].shape)
        dims = ("time", *coords)
        variables: dict[str, xr.Variable] = {"crs": grid_mapping_of(where["projdef"], label=str(path))}
        for name in (name for name in fields if name not in of_other_times):
            frames = tuple(fields[name].values())
            values = lazily(path, partial(_load, path, frames), frames=len(frames), shape=frames[0].shape, dtype="f4")
            variables[name] = xr.Variable(dims, values, {**_attrs(frames[0]), "grid_mapping": "crs"})
        coords["time"] = xr.Variable(("time",), np.array(times), {"standard_name": "time"})
        for edge in ("start", "end"):
            moments = [getattr(image, edge) for image in fields[told].values()]
            if None not in moments:
                meant = {"long_name": f"{edge} of what was measured"}
                coords[f"{edge}_time"] = xr.Variable(("time",), np.array(moments), meant)
        attrs = {key: str(what[key]) for key in ("source", "version") if key in what}
        return xr.Dataset(variables, coords=coords, attrs=attrs)


def _images(file: Any) -> list[_Image]:
    """The fields in the order of their numbers; what a level does not say, the level above says (ODIM 2.4, 3)."""
    found = []
    for dataset in (file[name] for name in numbered(file, "dataset")):
        inherited = attributes(dataset["what"]) if "what" in dataset else {}
        for data in (dataset[name] for name in numbered(dataset, "data")):
            if "data" not in data:
                continue
            said = inherited | (attributes(data["what"]) if "what" in data else {})
            if "quantity" not in said:
                raise KeyError(f"{data.name}/what/quantity")
            rows, columns = data["data"].shape
            gain, offset = float(said.get("gain", 1.0)), float(said.get("offset", 0.0))
            if data["data"].dtype.kind not in "iuf" or not np.isfinite([gain, offset]).all() or gain == 0:
                raise ValueError(f"{data.name} of {data['data'].dtype} with gain {gain} and offset {offset}")
            found.append(
                _Image(
                    place=str(data["data"].name),
                    quantity=str(said["quantity"]),
                    shape=(int(rows), int(columns)),
                    gain=gain,
                    offset=offset,
                    nodata=float(said["nodata"]) if "nodata" in said else None,
                    undetect=float(said["undetect"]) if "undetect" in said else None,
                    start=_moment(said.get("startdate"), said.get("starttime")),
                    end=_moment(said.get("enddate"), said.get("endtime")),
                )
            )
    return found


def _fields(images: list[_Image], nominal: np.datetime64) -> dict[str, dict[np.datetime64, _Image]]:
    """Images by field and time: those of one quantity are one field if their times differ, else (heights) several."""
    quantities: dict[str, list[_Image]] = {}
    for image in images:
        quantities.setdefault(image.quantity, []).append(image)
    fields: dict[str, dict[np.datetime64, _Image]] = {}
    for quantity, group in quantities.items():
        name = _QUANTITIES.get(quantity, (quantity.lower(),))[0]
        name = name if name not in fields else f"{name}_{quantity.lower()}"
        by_end = quantity == "ACRR" or len(group) > 1
        stamped = {image.end if by_end and image.end is not None else nominal: image for image in group}
        if len(stamped) == len(group):
            fields[name] = stamped
            continue
        for number, image in enumerate(group, 1):
            when = image.end if quantity == "ACRR" and image.end is not None else nominal
            fields[f"{name}_{number}"] = {when: image}
    return fields


def _load(path: Path, frames: tuple[_Image, ...], first: int, stop: int) -> np.ndarray:
    with opened(path) as file:
        return np.stack([_decoded(file[image.place][()], image) for image in frames[first:stop]])


def _decoded(stored: np.ndarray, image: _Image) -> np.ndarray:
    with np.errstate(over="ignore"):
        values: np.ndarray = stored.astype("float64") * image.gain + image.offset
        if image.undetect is not None:
            values[stored == image.undetect] = _undetected(image)
        if image.nodata is not None:
            values[stored == image.nodata] = np.nan
        return values.astype("float32")


def _undetected(image: _Image) -> float:
    """What "measured, nothing found" is worth: nothing, of other quantities than rain and echoes (winds, heights)."""
    if _QUANTITIES.get(image.quantity, ("", "", ""))[1] == "dBZ":
        return NO_ECHO
    return 0.0 if image.quantity in _AMOUNTS else np.nan


def _attrs(image: _Image) -> dict[str, Any]:
    _, units, standard = _QUANTITIES.get(image.quantity, ("", _UNITS.get(image.quantity, ""), ""))
    attrs: dict[str, Any] = {"long_name": f"ODIM quantity {image.quantity}", "units": units, "standard_name": standard}
    if image.undetect is not None:
        worth = _undetected(image)
        attrs["undetect_read_as"] = "missing" if np.isnan(worth) else worth
        if units == "dBZ":
            attrs["no_echo_value"] = NO_ECHO
    if image.quantity == "ACRR" and image.start is not None and image.end is not None:
        minutes = (image.end - image.start) / np.timedelta64(1, "m")
        attrs["cell_methods"] = f"time: sum (interval: {minutes:g} minutes)"
    return {key: value for key, value in attrs.items() if not isinstance(value, str) or value}


def _moment(date: Any, time: Any) -> np.datetime64 | None:
    if date is None or time is None:
        return None
    text = f"{date}{time}"
    if not re.fullmatch(r"\d{14}", text):
        raise ValueError(f"the time {text!r} is not YYYYMMDDHHmmss")
    y, m, d, hour, minute, second = text[:4], text[4:6], text[6:8], text[8:10], text[10:12], text[12:14]
    return np.datetime64(f"{y}-{m}-{d}T{hour}:{minute}:{second}", "ns")


def _grid(path: Path, where: dict[str, Any], shape: tuple[int, int]) -> dict[str, xr.Variable]:
    """Axes of pixel centres, rows first, from the upper left corner and the pixels' size; rows run north to south."""
    missing = [
        name for name in ("projdef", "xsize", "ysize", "xscale", "yscale", "UL_lon", "UL_lat") if name not in where
    ]
    if missing:
        raise damaged(path, f"/where does not say {', '.join(missing)}")
    rows, columns = int(where["ysize"]), int(where["xsize"])
    if (rows, columns) != shape or max(shape) > LONGEST_SIDE or min(shape) < 1:
        raise damaged(
            path,
            "the image is not the size that the file states",
            found=f"{shape}",
            needed=f"({rows}, {columns})",
        )
    label, projection = str(path), where["projdef"]
    left, top = (float(edge) for edge in projected(projection, where["UL_lon"], where["UL_lat"], label=label))
    width, height = abs(float(where["xscale"])), abs(float(where["yscale"]))
    if not (0 < width < 1e7 and 0 < height < 1e7):
        raise damaged(path, "pixels of no size", found=f"{width} x {height} m")
    if "LR_lon" in where and "LR_lat" in where:
        right, low = (float(edge) for edge in projected(projection, where["LR_lon"], where["LR_lat"], label=label))
        apart = max(abs(left + columns * width - right) / width, abs(top - rows * height - low) / height)
        if apart > 1:
            warnings.warn(
                f"{path}: its corners do not fit its pixels, by {apart:.3g} pixels; places are counted from the upper "
                "left corner",
                NowcastWarning,
                stacklevel=2,
            )
    y, x = centres(_tidy(top, height), -height, rows), centres(_tidy(left, width), width, columns)
    return geographic_axes(y, x) if is_geographic(projection, label=label) else projected_axes(y, x)


def _tidy(edge: float, step: float) -> float:
    """An edge without the rounding of degrees: corners are stated to about a millimetre."""
    whole = round(edge / step * 1000) * step / 1000
    return whole if abs(whole - edge) < 1e-5 * step else edge
