"""ODIM_H5 composites and images, layouts 2.0 to 2.4 (OPERA Data Information Model for HDF5, EUMETNET 2014-2021).

Specification: https://www.eumetnet.eu/wp-content/uploads/2021/07/ODIM_H5_v2.4.pdf
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from nowcast.errors import InputError
from nowcast.readers.hdf5 import attributes, begins_as_hdf5, opened
from nowcast.readers.lazy import lazily
from nowcast.readers.options import Options
from nowcast.readers.projections import centres, grid_mapping_of, projected, projected_axes

__all__ = ["ODIMReader"]

NO_ECHO = -32.0
"""dBZ for "measured, no echo": undetect has no value in decibels, and this is below any rain."""

_OBJECTS = ("COMP", "IMAGE")
_QUANTITIES = {
    "RATE": ("rain_rate", "mm h-1", "rainfall_rate"),
    "ACRR": ("precipitation_amount", "mm", "lwe_thickness_of_precipitation_amount"),
    **dict.fromkeys(
        ("DBZ", "DBZH", "DBZV", "TH", "TV"), ("reflectivity", "dBZ", "equivalent_reflectivity_factor")
    ),
}
_QUALITY = re.compile(r"QIND|BRDR|CLASS", re.IGNORECASE)
_LARGEST = 50_000


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
    """A composite to a file. Nodata is missing; undetect is no rain: 0, or -32 dBZ where the quantity is in decibels."""

    name = "ODIM HDF5"

    def recognises(self, path: Path) -> bool:
        if not begins_as_hdf5(path):
            return False
        import h5py

        try:
            with h5py.File(path, "r", locking=False) as file:
                return str(attributes(file).get("Conventions", "")).startswith("ODIM_H5")
        except (OSError, RuntimeError, KeyError, ValueError):
            return False

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
            images = [image for image in _images(file) if not _QUALITY.search(image.quantity)]
            nominal = _moment(what.get("date"), what.get("time"))
            where = where or attributes(file["dataset1/where"])
        if not images or nominal is None:
            raise InputError(
                f"{path}: damaged, it holds no image" if not images else f"{path}: damaged, it states no time",
                needed="dataset1/data1/data and what/date, what/time, as ODIM_H5 prescribes",
                next_step="fetch it again, or leave it out",
            )
        coords = _grid(path, where, images[0].shape)
        variables: dict[str, xr.Variable] = {"crs": grid_mapping_of(where["projdef"], label=str(path))}
        for image in images:
            if image.shape != images[0].shape:
                raise InputError(f"{path}: images of two sizes", found=f"{image.shape} and {images[0].shape}")
            name, attrs = _meaning(image)
            key = name if name not in variables else f"{name}_{image.quantity.lower()}"
            field = lazily(path, partial(_load, path, image), frames=1, shape=image.shape, dtype="float32")
            variables[key] = xr.Variable(("y", "x"), field[0], {**attrs, "grid_mapping": "crs"})
        first = images[0]
        summed = first.quantity == "ACRR" and first.end is not None
        coords["time"] = xr.Variable((), first.end if summed else nominal, {"standard_name": "time"})
        if first.start is not None:
            coords["start_time"] = xr.Variable((), first.start, {"long_name": "start of what was measured"})
        attrs = {key: str(what[key]) for key in ("source", "version") if key in what}
        return xr.Dataset(variables, coords=coords, attrs=attrs)


def _images(file: Any) -> list[_Image]:
    """The fields in the order of their numbers; what a level does not say, the level above says (ODIM 2.4, 3)."""
    found = []
    for dataset in _numbered(file, "dataset"):
        inherited = attributes(dataset["what"]) if "what" in dataset else {}
        for data in _numbered(dataset, "data"):
            if "data" not in data:
                continue
            said = inherited | (attributes(data["what"]) if "what" in data else {})
            if "quantity" not in said:
                raise KeyError(f"{data.name}/what/quantity")
            rows, columns = data["data"].shape
            found.append(
                _Image(
                    place=str(data["data"].name),
                    quantity=str(said["quantity"]),
                    shape=(int(rows), int(columns)),
                    gain=float(said.get("gain", 1.0)),
                    offset=float(said.get("offset", 0.0)),
                    nodata=float(said["nodata"]) if "nodata" in said else None,
                    undetect=float(said["undetect"]) if "undetect" in said else None,
                    start=_moment(said.get("startdate"), said.get("starttime")),
                    end=_moment(said.get("enddate"), said.get("endtime")),
                )
            )
    return found


def _numbered(group: Any, stem: str) -> list[Any]:
    names = [name for name in group if re.fullmatch(rf"{stem}\d+", name)]
    return [group[name] for name in sorted(names, key=lambda name: int(name[len(stem) :]))]


def _load(path: Path, image: _Image, first: int, stop: int) -> np.ndarray:
    with opened(path) as file:
        stored = file[image.place][()]
    values = stored.astype("float64") * image.gain + image.offset
    if image.undetect is not None:
        values[stored == image.undetect] = _undetected(image)
    if image.nodata is not None:
        values[stored == image.nodata] = np.nan
    return values.astype("float32")[None]


def _undetected(image: _Image) -> float:
    return NO_ECHO if _QUANTITIES.get(image.quantity, ("", "", ""))[1] == "dBZ" else 0.0


def _meaning(image: _Image) -> tuple[str, dict[str, Any]]:
    name, units, standard = _QUANTITIES.get(image.quantity, (image.quantity.lower(), "", ""))
    attrs: dict[str, Any] = {"long_name": f"ODIM quantity {image.quantity}", "units": units, "standard_name": standard}
    if image.undetect is not None:
        attrs["undetect_read_as"] = _undetected(image)
        if units == "dBZ":
            attrs["no_echo_value"] = NO_ECHO
    if image.quantity == "ACRR" and image.start is not None and image.end is not None:
        minutes = (image.end - image.start) / np.timedelta64(1, "m")
        attrs["cell_methods"] = f"time: sum (interval: {minutes:g} minutes)"
    return name, {key: value for key, value in attrs.items() if value != ""}


def _moment(date: Any, time: Any) -> np.datetime64 | None:
    if date is None or time is None:
        return None
    text = f"{date}{time}"
    if not re.fullmatch(r"\d{14}", text):
        raise ValueError(f"the time {text!r} is not YYYYMMDDHHmmss")
    y, m, d, hour, minute, second = text[:4], text[4:6], text[6:8], text[8:10], text[10:12], text[12:14]
    return np.datetime64(f"{y}-{m}-{d}T{hour}:{minute}:{second}", "ns")


def _grid(path: Path, where: dict[str, Any], shape: tuple[int, int]) -> dict[str, xr.Variable]:
    """x and y of pixel centres, from the upper left corner and the size of a pixel; rows run from north to south."""
    missing = [name for name in ("projdef", "xsize", "ysize", "xscale", "yscale", "UL_lon", "UL_lat") if name not in where]
    if missing:
        raise InputError(f"{path}: damaged, /where does not say {', '.join(missing)}", next_step="fetch it again")
    rows, columns = int(where["ysize"]), int(where["xsize"])
    if (rows, columns) != shape or max(shape) > _LARGEST or min(shape) < 1:
        raise InputError(
            f"{path}: damaged, the image is not the size that the file states",
            found=f"{shape}",
            needed=f"({rows}, {columns})",
            next_step="fetch it again, or leave it out",
        )
    left, top = projected(where["projdef"], where["UL_lon"], where["UL_lat"], label=str(path))
    width, height = abs(float(where["xscale"])), abs(float(where["yscale"]))
    if not (0 < width < 1e7 and 0 < height < 1e7):
        raise InputError(f"{path}: damaged, pixels of no size", found=f"{width} x {height} m")
    return projected_axes(
        centres(_tidy(float(top), height), -height, rows), centres(_tidy(float(left), width), width, columns)
    )


def _tidy(edge: float, step: float) -> float:
    """An edge without the rounding of degrees: corners are stated to about a millimetre."""
    whole = round(edge / step * 1000) * step / 1000
    return whole if abs(whole - edge) < 1e-5 * step else edge
