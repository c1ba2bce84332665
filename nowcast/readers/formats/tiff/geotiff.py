"""GeoTIFF: rasters with a place on the earth; gain, offset and nodata in GDAL's metadata.

OGC GeoTIFF 1.1, https://docs.ogc.org/is/19-008r4/19-008r4.html
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from nowcast.errors import InputError, MachineError
from nowcast.readers.damage import damaged, parsing
from nowcast.readers.formats.tiff.pages import is_tiff, pages_of
from nowcast.readers.formats.tiff.planes import opened
from nowcast.readers.lazy import lazily
from nowcast.readers.options import Options
from nowcast.readers.projections import grid_mapping_of, plane_units

__all__ = ["GeoTIFFReader"]

_SCALE, _TIEPOINT, _MATRIX, _KEYS, _GDAL, _NODATA = 33550, 33922, 34264, 34735, 42112, 42113
_ITEM = re.compile(r'<Item\s+name="([^"]*)"([^>]*)>([^<]*)</Item>')
_TIME = re.compile(r"(\d{4})-?(\d\d)-?(\d\d)[T ]?(\d\d):?(\d\d)(?::?(\d\d))?Z?")
_NESTED = 3
_LINEAR_UNITS = {9001: "m", 9002: "foot", 9003: "US_survey_foot", 9036: "km"}
"""Of ProjLinearUnitsGeoKey, by their names in UDUNITS."""

_CORNER, _CENTRE = 1, 2
"""GTRasterTypeGeoKey: whether a tie point means the corner of a pixel or its centre."""


@dataclass(frozen=True)
class _Raster:
    """What the tags say: size, bands, the transformation (a, b, c, d, e, f of x = a col + b row + c, ...), metadata."""

    shape: tuple[int, int]
    bands: int
    dtype: np.dtype[Any]
    axes: str
    transform: tuple[float, float, float, float]
    crs: int | str | None
    geographic: bool
    plane_units: str | None
    said: dict[str, str] = field(default_factory=dict)
    units: str = ""
    nodata: float | None = None


class GeoTIFFReader:
    """One raster to a file: bands are channels. The time is in the metadata, or in the file's name."""

    name = "GeoTIFF"

    def recognises(self, path: Path) -> bool:
        if path.is_dir() or not is_tiff(path):
            return False
        try:
            with opened(path) as file:
                codes = {tag.code for tag in file.pages.first.tags}
        except Exception:  # damage is told when the file is opened
            return False
        return _KEYS in codes and (_MATRIX in codes or {_SCALE, _TIEPOINT} <= codes)

    def open(self, path: Path, options: Options) -> xr.Dataset:
        with parsing(str(path)):
            if not pages_of(path).whole(0):
                raise damaged(path, found=f"a raster beyond the end of the file, {path.stat().st_size} bytes")
            raster = _described(path)
        left, top, width, height = raster.transform
        rows, columns = raster.shape
        y, x = top + height * (np.arange(rows) + 0.5), left + width * (np.arange(columns) + 0.5)
        names = ("lat", "lon") if raster.geographic else ("y", "x")
        shape = raster.shape if raster.bands == 1 else (raster.bands, *raster.shape)
        values = lazily(path, partial(_load, path, raster), frames=1, shape=shape, dtype=raster.dtype)[0]
        dims = names if raster.bands == 1 else ("channel", *names)
        name, attrs = _meaning(raster)
        coords: dict[str, xr.Variable] = {
            axis: xr.Variable((axis,), centre, _axis_attrs(axis, raster.plane_units))
            for axis, centre in zip(names, (y, x), strict=True)
        }
        if raster.crs is not None:
            coords["crs"] = grid_mapping_of(raster.crs, label=str(path))
            attrs["grid_mapping"] = "crs"
        moments = [_TIME.fullmatch(text.strip()) for key, text in raster.said.items() if "time" in key]
        found = next((moment for moment in moments if moment), None)
        if found is not None:
            y_, m, d, hour, minute, second = (part or "00" for part in found.groups())
            coords["time"] = xr.Variable((), np.datetime64(f"{y_}-{m}-{d}T{hour}:{minute}:{second}", "ns"))
            coords["time"].attrs["standard_name"] = "time"
        return xr.Dataset({name: (dims, values, attrs)}, coords=coords)


def _described(path: Path) -> _Raster:
    with opened(path) as file:
        page = file.pages.first
        tags = {tag.code: tag.value for tag in page.tags}
        keys = _keys(tags[_KEYS])
        crs = _crs(keys)
        said, units = _metadata(str(tags.get(_GDAL, "")))
        _require_one_scale(path, str(tags.get(_GDAL, "")))
        nodata = tags.get(_NODATA, said.get("nodata"))
        if page.axes not in ("YX", "YXS", "SYX"):
            raise InputError(f"{path}: a raster of unknown axes", found=page.axes, needed="Y and X, and bands")
        sizes = dict(zip(page.axes, page.shape, strict=True))
        return _Raster(
            shape=(sizes["Y"], sizes["X"]),
            bands=sizes.get("S", 1),
            dtype=np.dtype(page.dtype or "u1"),
            axes=page.axes,
            transform=_transform(path, tags, keys),
            crs=crs,
            geographic=keys.get(1024) == 2,
            plane_units=_plane_units(path, keys, crs),
            said=said,
            units=units,
            nodata=None if nodata is None else float(str(nodata).strip("\0 ")),
        )


def _keys(directory: Any) -> dict[int, int]:
    """The GeoKeys with a short value."""
    entries = np.asarray(directory, dtype=int)[4:].reshape(-1, 4)
    return {int(key): int(value) for key, place, _, value in entries.tolist() if place == 0}


def _crs(keys: dict[int, int]) -> int | None:
    code = keys.get(3072) if keys.get(1024) == 1 else keys.get(2048)
    return code if code is not None and code not in (0, 32767) else None


def _plane_units(path: Path, keys: dict[int, int], crs: int | None) -> str | None:
    if keys.get(3076) in _LINEAR_UNITS:
        return _LINEAR_UNITS[keys[3076]]
    return None if crs is None else plane_units(crs, label=str(path))


def _transform(path: Path, tags: dict[int, Any], keys: dict[int, int]) -> tuple[float, float, float, float]:
    """Left edge, top edge, width and (signed) height of a pixel."""
    if _MATRIX in tags:
        m = np.asarray(tags[_MATRIX], dtype=float).reshape(4, 4)
        if m[0, 1] or m[1, 0]:
            raise InputError(
                f"{path}: its raster is rotated against its projection", next_step="gdalwarp it to a grid first"
            )
        width, height, left, top = m[0, 0], m[1, 1], m[0, 3], m[1, 3]
    else:
        width, down = (float(size) for size in tags[_SCALE][:2])
        column, row, _, x, y = (float(number) for number in tags[_TIEPOINT][:5])
        height, left, top = -down, x - column * width, y + row * down
    if not (np.isfinite([width, height, left, top]).all() and width and height):
        raise damaged(path, "its pixels have no size", found=f"{width} x {height}")
    if keys.get(1025, _CORNER) == _CENTRE:
        left, top = left - width / 2, top - height / 2
    return float(left), float(top), float(width), float(height)


def _metadata(text: str) -> tuple[dict[str, str], str]:
    """GDAL's items by name in small letters, and the unit of the quantity; FMI nests a second, escaped list in one."""
    said: dict[str, str] = {}
    units = ""
    for _ in range(_NESTED):
        for name, more, value in _ITEM.findall(text):
            said.setdefault(name.lower(), value.strip())
            unit = re.search(r'unit="([^"]*)"', more)
            units = units or (unit[1] if unit else "")
        text = html.unescape(text)
    return said, units or said.get("units", "")


def _require_one_scale(path: Path, text: str) -> None:
    told: dict[str, set[str]] = {}
    for name, more, value in _ITEM.findall(text):
        if "sample=" in more and name.lower() in ("scale", "offset"):
            told.setdefault(name.lower(), set()).add(value.strip())
    unlike = {name: values for name, values in told.items() if len(values) > 1}
    if unlike:
        raise InputError(
            f"{path}: its bands differ in {' and '.join(unlike)}",
            found="; ".join(f"{name} {', '.join(sorted(values))}" for name, values in unlike.items()),
            needed="one scale and offset for all bands",
            next_step=f"gdal_translate -unscale -ot Float32 {path.name} {path.stem}_unscaled.tif",
        )


def _meaning(raster: _Raster) -> tuple[str, dict[str, Any]]:
    said = raster.said
    long_name = said.get("quantity") or said.get("long_name") or said.get("description") or "raster"
    attrs: dict[str, Any] = {"long_name": long_name, "units": raster.units}
    if "gain" in said or "offset" in said or "scale" in said:
        attrs["scale_factor"] = float(said.get("gain") or said.get("scale") or 1.0)
        attrs["add_offset"] = float(said.get("offset") or 0.0)
    if raster.nodata is not None:
        fits = raster.dtype.kind == "f" or np.iinfo(raster.dtype).min <= raster.nodata <= np.iinfo(raster.dtype).max
        if fits and not np.isnan(raster.nodata):
            attrs["_FillValue"] = raster.dtype.type(raster.nodata)
    if raster.units == "dBZ":
        attrs["standard_name"] = "equivalent_reflectivity_factor"
        if "undetect" in said:
            scale, offset = attrs.get("scale_factor", 1.0), attrs.get("add_offset", 0.0)
            attrs["no_echo_value"] = float(said["undetect"]) * scale + offset
        return "reflectivity", {key: value for key, value in attrs.items() if value != ""}
    name = re.sub(r"\W+", "_", long_name).strip("_").lower() or "raster"
    return name, {key: value for key, value in attrs.items() if value != ""}


def _axis_attrs(axis: str, units: str | None) -> dict[str, str]:
    if axis in ("lat", "lon"):
        long, letter = ("latitude", "north") if axis == "lat" else ("longitude", "east")
        return {"units": f"degrees_{letter}", "standard_name": long}
    named = {"standard_name": f"projection_{axis}_coordinate"}
    return named if units is None else {"units": units, **named}


def _load(path: Path, raster: _Raster, _first: int, _stop: int) -> np.ndarray:
    with parsing(str(path)), opened(path) as file:
        try:
            values = file.pages.first.asarray(maxworkers=1)
        except (ValueError, ImportError) as error:
            if "imagecodecs" in str(error):
                raise MachineError(
                    f"{path}: its compression needs the package imagecodecs",
                    next_step="pip install 'nowcast[geotiff]'",
                ) from error
            raise
    values = np.moveaxis(values, raster.axes.index("S"), 0) if "S" in raster.axes else values
    frame: np.ndarray = values[None]
    return frame
