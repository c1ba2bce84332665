"""What is made of a cube on its way in: what counts as missing, a part of it, classes, other units, another grid.

All of it is lazy, and written down in the cube's attributes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from nowcast.cube import is_categorical, label
from nowcast.errors import InputError
from nowcast.readers.options import Options
from nowcast.readers.regridding import coarsened, resized
from nowcast.units import spelled

__all__ = ["shaped"]

_PACKING = ("scale_factor", "add_offset", "_FillValue", "missing_value", "_Unsigned", "dtype")
_RANGES = ("valid_min", "valid_max", "valid_range", "actual_range")
_FLAGS = ("flag_values", "flag_masks", "flag_meanings")


def shaped(cube: xr.DataArray, options: Options) -> xr.DataArray:
    """The cube as the options want it: missing values, times, crop, classes, rain, coarser, resized, in this order.

    Raises
    ------
    InputError
        An option that leaves nothing, or that the field is not made for; by its flag.
    """
    source = cube.encoding.get("source")
    missing = options.stands_for_missing()
    if missing is not None:
        cube = _masked(cube, missing)
    cube = _between(cube, options)
    cube = _cropped(cube, options)
    codes = options.codes()
    if codes is not None:
        cube = _in_classes(cube, list(codes))
    relation = options.marshall_palmer()
    if relation is not None:
        cube = _rain(cube, *relation)
    factor, size = options.factor(), options.shape()
    if factor > 1 or size is not None:
        _require_continuous(cube, "--coarsen" if size is None else "--size")
    if factor > 1:
        cube = coarsened(cube, factor)
    if size is not None:
        cube = resized(cube, size)
    if source is not None:
        cube.encoding["source"] = source
    return cube


def _like(cube: xr.DataArray, values: Any, attrs: dict[Any, Any] | None = None) -> xr.DataArray:
    """The cube with other values of the same shape."""
    return xr.DataArray(
        values, dims=cube.dims, coords=cube.coords, name=cube.name, attrs=cube.attrs if attrs is None else attrs
    )


def _masked(cube: xr.DataArray, value: float) -> xr.DataArray:
    """Missing where the value is; integers without packing become floats, and it their fill code."""
    if cube.dtype.kind == "f":
        dtype, held = cube.dtype, abs(value) <= float(np.finfo(cube.dtype).max)
    else:
        dtype, limits = np.result_type(cube.dtype, np.float32), np.iinfo("u1" if cube.dtype.kind == "b" else cube.dtype)
        held = value.is_integer() and limits.min <= value <= limits.max
    if not held:
        raise InputError(
            f"{label(cube)}: --missing-value {value:g}: no pixel can be that",
            found=f"values of {cube.dtype}",
            needed="a value that stands in the field, in its units",
        )
    values = cube.astype(dtype).where(cube != cube.dtype.type(value)).data
    result = _like(cube, values, {**cube.attrs, "declared_missing_value": value})
    packing = dict(cube.encoding)
    stored = np.dtype(packing.get("dtype", cube.dtype))
    if stored.kind in "iu" and "_FillValue" not in packing:
        scale = float(np.ravel(packing.get("scale_factor", 1.0))[0])
        code = round((value - float(np.ravel(packing.get("add_offset", 0.0))[0])) / scale)
        limits = np.iinfo(stored)
        if limits.min <= code <= limits.max:
            packing |= {"dtype": stored, "_FillValue": stored.type(code)}
    result.encoding = packing
    return result


def _between(cube: xr.DataArray, options: Options) -> xr.DataArray:
    since, until = options.span()
    if since is None and until is None:
        return cube
    time = cube["time"].values
    keep = np.ones(len(time), dtype=bool)
    if since is not None:
        keep &= time >= since.to_datetime64()
    if until is not None:
        keep &= time <= until.to_datetime64()
    if not keep.any():
        raise InputError(
            f"{label(cube)}: no frame lies between --since and --until",
            found=f"frames from {time.min()} to {time.max()}",
            needed=f"from {since or 'the first'} to {until or 'the last'}",
        )
    return _part(cube, time=np.flatnonzero(keep))


def _cropped(cube: xr.DataArray, options: Options) -> xr.DataArray:
    window = options.window()
    if window is None:
        return cube
    rows, columns = (len(range(*part.indices(cube.sizes[name]))) for part, name in zip(window, ("y", "x"), strict=True))
    stops = [part.stop for part in window]
    beyond = any(stop is not None and stop > cube.sizes[name] for stop, name in zip(stops, ("y", "x"), strict=True))
    if rows < 1 or columns < 1 or beyond:
        raise InputError(
            f"{label(cube)}: --crop {options.crop} leaves the field" if beyond else f"--crop {options.crop} is empty",
            found=f"{cube.sizes['y']} rows and {cube.sizes['x']} columns",
            needed="rows and columns within it, as first:stop,first:stop",
        )
    return _part(cube, y=window[0], x=window[1]).assign_attrs(cropped=str(options.crop))


def _part(cube: xr.DataArray, **where: Any) -> xr.DataArray:
    encoding = {key: cube.encoding[key] for key in _PACKING if key in cube.encoding}
    cube = cube.isel(where)
    cube.encoding = encoding
    return cube


def _in_classes(cube: xr.DataArray, codes: list[int]) -> xr.DataArray:
    """1 where the field is one of the classes, 0 where it is another, missing where it is missing."""
    inside = cube.isin(codes).astype("float32")
    values = inside.where(cube.notnull()).data if cube.dtype.kind == "f" else inside.data
    dropped = {*_FLAGS, *_RANGES, "standard_name", "units"}
    attrs = {key: value for key, value in cube.attrs.items() if key not in dropped}
    chosen = ",".join(map(str, codes))
    name = str(cube.attrs.get("long_name", cube.name))
    told = {"units": "1", "long_name": f"share of {name} in classes {chosen}", "classes_forecast": chosen}
    return _like(cube, values, {**attrs, **told})


def _rain(cube: xr.DataArray, a: float, b: float) -> xr.DataArray:
    """R = (10^(dBZ / 10) / a)^(1 / b) in mm h-1 by Marshall and Palmer 1948.

    https://doi.org/10.1175/1520-0469(1948)005<0165:TDORWS>2.0.CO;2
    """
    units = spelled(cube.attrs.get("units"))
    if units is None or units.lower() != "dbz":
        raise InputError(
            f"{label(cube)}: --zr turns reflectivity into rain, and this is none",
            found=f"units {cube.attrs.get('units')!r}"
            + (f", already by {cube.attrs['zr_relation']}" if "zr_relation" in cube.attrs else ""),
            needed="units dBZ",
            next_step="leave --zr out",
        )
    silent = cube.attrs.get("no_echo_value")

    def rate(block: np.ndarray) -> np.ndarray:
        rain = (10.0 ** (block / 10.0) / a) ** (1.0 / b)
        if silent is not None:
            rain = np.where(block <= silent, 0.0, rain)
        return rain.astype("float32")

    data = cube.astype("float32").data
    values = data.map_blocks(rate, dtype="float32") if hasattr(data, "dask") else rate(data)
    dropped = {*_RANGES, "no_echo_value", "undetect_read_as", "standard_name", "long_name", "units"}
    attrs = {key: value for key, value in cube.attrs.items() if key not in dropped}
    told = {"units": "mm h-1", "standard_name": "rainfall_rate", "long_name": "rain rate"}
    result = _like(cube, values, {**attrs, **told, "zr_relation": f"Z = {a:g} R^{b:g}"})
    return result.rename("rain_rate")


def _require_continuous(cube: xr.DataArray, flag: str) -> None:
    if is_categorical(cube):
        raise InputError(
            f"{label(cube)}: classes cannot be averaged, as {flag} would",
            next_step="--classes 7,8 makes a field of where it is one of them",
        )
