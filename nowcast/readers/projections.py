"""From a PROJ string, an EPSG code or WKT to a CF grid mapping, and to the x and y of pixels. Needs pyproj."""

from __future__ import annotations

import contextlib
import re
import sys
import warnings
from typing import Any

import numpy as np
import xarray as xr

from nowcast.errors import InputError, MachineError, UnsafeError

with contextlib.suppress(ImportError):
    if "eccodes" not in sys.modules:
        # eccodes brings a PROJ of its own: loaded before pyproj's, it makes the process abort at pyproj's first use.
        import pyproj  # noqa: F401

__all__ = [
    "centres",
    "geographic_axes",
    "grid_mapping_of",
    "is_geographic",
    "plane_units",
    "projected",
    "projected_axes",
]

_LENGTH = re.compile(r"\+(a|b|R|x_0|y_0|h)=([-+0-9.eE]+)")
_IN_KILOMETRES = re.compile(r"\+(?:a|R)=(\d{4}(?:\.\d*)?)(?=\s|$)")
_UNITS = re.compile(r"\+(?:units|to_meter)=\S*")
_SPELLED = {"metre": "m", "kilometre": "km"}
_NO_GRIDS = re.compile(r"\+?nadgrids=@null(?=[\s\"]|$)")
_NUMBERED = re.compile(r"(?:\+?init=)?(epsg|esri):(\d+)", re.IGNORECASE)
_OPENS_FILES = re.compile(r"\b(?:init|\w*grids|\w*file|model|catalog)\s*=|parameter_?file|proj=pipeline", re.IGNORECASE)


def grid_mapping_of(text: Any, *, label: str) -> xr.Variable:
    """A scalar variable with a projection's CF attributes (`grid_mapping_name`, `crs_wkt`, ...); lengths in metres.

    Parameters
    ----------
    text
        A PROJ string (an ellipsoid in kilometres, as KNMI writes it, is understood), an EPSG code, or WKT.

    Raises
    ------
    InputError
        It is no projection that PROJ knows.
    MachineError
        pyproj is not installed.
    UnsafeError
        It names files for PROJ to open.
    """
    crs = _crs(text, label)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what CF's own attributes cannot say; crs_wkt says it
        try:
            attrs = {key: value for key, value in crs.to_cf().items() if value is not None}
        except KeyError:  # what pyproj looks for in a rotated pole of fewer parameters than it knows
            attrs = {"crs_wkt": crs.to_wkt()}
    if attrs.get("grid_mapping_name") == "polar_stereographic":
        north = float(attrs.get("standard_parallel", 90.0)) >= 0
        attrs.setdefault("latitude_of_projection_origin", 90.0 if north else -90.0)
    return xr.Variable((), np.int32(0), attrs)


def projected(text: Any, lon: Any, lat: Any, *, label: str) -> tuple[np.ndarray, np.ndarray]:
    """Of points in degrees of the projection's own datum, their x and y in metres (geographic: in degrees).

    Raises
    ------
    InputError
        A point that the projection cannot show; or what `grid_mapping_of` refuses.
    """
    crs = _crs(text, label)
    from pyproj import Proj

    x, y = Proj(crs)(np.asarray(lon, dtype=float), np.asarray(lat, dtype=float))
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise InputError(
            f"{label}: the corners of the field are not on its projection",
            found=f"lon {lon}, lat {lat}, {_short(text)}",
            needed="degrees that the projection can show",
        )
    return np.asarray(x), np.asarray(y)


def is_geographic(text: Any, *, label: str) -> bool:
    """Whether its plane is that of longitudes and latitudes."""
    return bool(_crs(text, label).is_geographic)


def plane_units(text: Any, *, label: str) -> str | None:
    """The unit of its x and y, as UDUNITS spells it (`m`, `US_survey_foot`); None of a plane in degrees.

    Raises
    ------
    InputError, MachineError, UnsafeError
        What `grid_mapping_of` refuses.
    """
    crs = _crs(text, label)
    name = str(crs.axis_info[0].unit_name) if crs.axis_info and not crs.is_geographic else None
    return name and _SPELLED.get(name, name.replace(" ", "_"))


def projected_axes(y: np.ndarray, x: np.ndarray, *, units: str = "m") -> dict[str, xr.Variable]:
    """Coordinates `y` and `x` of pixel centres on a projection."""
    return {
        name: xr.Variable((name,), values, {"units": units, "standard_name": f"projection_{name}_coordinate"})
        for name, values in (("y", y), ("x", x))
    }


def geographic_axes(lat: np.ndarray, lon: np.ndarray) -> dict[str, xr.Variable]:
    """Coordinates `lat` and `lon` of pixel centres, in degrees."""
    return {
        "lat": xr.Variable(("lat",), lat, {"units": "degrees_north", "standard_name": "latitude"}),
        "lon": xr.Variable(("lon",), lon, {"units": "degrees_east", "standard_name": "longitude"}),
    }


def centres(first_edge: float, step: float, count: int) -> np.ndarray:
    """Centres of `count` pixels of (signed) size `step` from the outer edge of the first."""
    return first_edge + step * (np.arange(count) + 0.5)


def _crs(text: Any, label: str) -> Any:
    if "eccodes" in sys.modules and "pyproj" not in sys.modules:
        raise MachineError(
            f"{label}: its projection cannot be told, since eccodes was loaded before pyproj and brings another PROJ",
            next_step="import pyproj (or nowcast.readers.projections) first in this program",
        )
    try:
        from pyproj import CRS
        from pyproj.exceptions import CRSError
    except ImportError as error:
        raise MachineError(
            f"{label}: its projection needs the package pyproj", next_step="pip install 'nowcast[radar]'"
        ) from error
    try:
        return CRS.from_user_input(_in_metres(text, label) if isinstance(text, str) else text)
    except (CRSError, TypeError, ValueError) as error:
        raise InputError(
            f"{label}: its projection cannot be understood",
            found=_short(text),
            needed="a PROJ string, an EPSG code or WKT",
        ) from error


def _in_metres(text: str, label: str) -> str:
    """A text that opens no file; of PROJ strings, one in metres: an ellipsoid of 6378 is in kilometres, as its offsets.

    `+init=FILE:KEY` and `+nadgrids=FILE` make PROJ open files (https://proj.org/en/stable/usage/projections.html).
    """
    numbered = _NUMBERED.fullmatch(text.strip())
    if numbered:
        return f"{numbered[1].upper()}:{numbered[2]}"
    if text.strip().isdecimal():
        return f"EPSG:{text.strip()}"
    text = _NO_GRIDS.sub("", re.sub(r"\s*=\s*", "=", text.replace(";", " ")))
    if _OPENS_FILES.search(text):
        raise UnsafeError(
            f"{label}: its projection names other files, which are not opened",
            found=_short(text),
            needed="a projection by its parameters, an EPSG code or WKT",
        )
    if "proj=" not in text or "[" in text or "{" in text:
        return text
    text = _UNITS.sub("", " ".join(f"+{word.lstrip('+')}" for word in text.split()))
    if not _IN_KILOMETRES.search(text):
        return text
    return _LENGTH.sub(lambda found: f"+{found[1]}={float(found[2]) * 1000:.10g}", text)


def _short(text: Any) -> str:
    words = " ".join(str(text).split())
    return repr(words if len(words) < 120 else words[:117] + "...")
