"""A cube or a forecast as the images that formats of microscopy know: frames of channels, with a start and a step."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from nowcast.cube import DATASET_PREFIX, is_counted, iso, label, sequence_of
from nowcast.writers.cf import is_forecast
from nowcast.writers.packing import DoesNotFitError, as_float32, packing_of

__all__ = ["NAMESPACE", "Image", "as_written", "blocks", "images_of", "pixel_dtype"]

NAMESPACE = "nowcast"
"""Under which the files keep what their format has no word for."""

BLOCK_BYTES = 2**25
"""Of a cube in memory, or of long chunks, so much is taken at once."""

_UNITS = {
    unit: name
    for name, units in {
        "nm": "nanometer nanometre nanometers nanometres",
        "um": "µm μm micron microns micrometer micrometre micrometers micrometres",
        "mm": "millimeter millimetre millimeters millimetres",
        "cm": "centimeter centimetre centimeters centimetres",
        "m": "meter metre meters metres",
        "km": "kilometer kilometre kilometers kilometres",
    }.items()
    for unit in (name, *units.split())
}

_KEPT = ("units", "long_name", "standard_name", "cell_methods", "history", "absent_chunks", "absent_frames")
_INTEGERS = ("int8", "int16", "int32", "uint8", "uint16", "uint32")


@dataclass(frozen=True)
class Image:
    """One image.

    Parameters
    ----------
    frames
        Dims `(time, channel, y, x)` by these or other names.
    start
        The time of the first frame; None where times only count.
    step, offsets
        Seconds between frames if they are evenly spaced, else seconds of each since the first.
    pixel, corner
        Length of a pixel's sides and the first coordinates, y and x, in `unit`: nm, um, mm, cm, m or km.
    notes
        What the formats have no word for, as text.
    """

    name: str
    frames: xr.DataArray
    start: pd.Timestamp | None
    step: float | None
    offsets: tuple[float, ...] | None
    pixel: tuple[float, float] | None = None
    corner: tuple[float, float] | None = None
    unit: str = ""
    channels: tuple[str, ...] = ()
    notes: dict[str, str] = field(default_factory=dict)


def images_of(cube: xr.DataArray) -> list[Image]:
    """An image for each sequence of a cube, or for each reference time and realization of a forecast."""
    images = list(_of_forecast(cube) if is_forecast(cube) else _of_cube(cube))
    pixel, corner, unit = _grid(cube)
    notes = _notes(cube)
    channels: tuple[str, ...] = ()
    if "channel" in cube.coords and cube["channel"].dims == ("channel",):
        channels = tuple(_plain(str(name)) for name in cube["channel"].values)
    shared: dict[str, Any] = {"pixel": pixel, "corner": corner, "unit": unit, "channels": channels}
    return [replace(image, **shared, notes={**notes, **image.notes}) for image in images]


def pixel_dtype(cube: xr.DataArray, *, packed: bool = True) -> np.dtype[Any]:
    """What pixels are written as: integers that the cube has or that its source had, else float32.

    Parameters
    ----------
    packed
        Whether to trust the source's integers: if then a value does not fit, `blocks` raises `DoesNotFitError`.
    """
    if cube.dtype.kind in "biu":
        dtype = np.dtype("uint8") if cube.dtype.kind == "b" else cube.dtype.newbyteorder("=")
        return dtype if dtype.name in _INTEGERS else np.dtype("float64")
    packing = None if is_forecast(cube) or not packed else packing_of(cube.encoding)
    plain = packing is not None and packing.scale in (None, 1) and packing.offset in (None, 0)
    if packing is not None and plain and packing.dtype.name in _INTEGERS:
        return packing.dtype
    return np.dtype("float32")


def blocks(frames: xr.DataArray, dtype: np.dtype[Any]) -> Iterator[np.ndarray]:
    """The frames `(time, channel, y, x)`, some at a time, as the type that is written.

    Raises
    ------
    DoesNotFitError
        A fraction, a missing pixel or a large value, and integers wanted.
    InputError
        A value beyond float32.
    """
    lengths = frames.chunks[0] if frames.chunks else (frames.shape[0],)
    most = max(1, BLOCK_BYTES // max(1, frames[0].size * max(frames.dtype.itemsize, 4)))
    first = 0
    for length in lengths:
        for start in range(first, first + length, most):
            yield as_written(frames[start : min(start + most, first + length)].values, dtype, label(frames))
        first += length


def as_written(values: np.ndarray, dtype: np.dtype[Any], what: str) -> np.ndarray:
    """The values as this type; raises as `blocks` does. `what` names them in messages."""
    if values.dtype.kind == "f" and dtype.kind in "iu":
        limits = np.iinfo(dtype)
        if not ((values >= limits.min) & (values <= limits.max) & (values == np.rint(values))).all():
            raise DoesNotFitError(f"a value that is no {dtype}")
    return as_float32(values, what) if dtype == np.float32 else values.astype(dtype)


def _of_cube(cube: xr.DataArray) -> Iterator[Image]:
    sequence = sequence_of(cube)
    edges = np.flatnonzero(sequence[1:] != sequence[:-1]) + 1
    real = not is_counted(cube["time"])
    for part in np.split(np.arange(len(sequence)), edges):
        frames = cube.isel(time=slice(part[0], part[-1] + 1))
        name = str(sequence[part[0]]) if "sequence" in cube.coords else str(cube.name or "field")
        yield _image(name, frames, frames["time"].values, real, {})


def _of_forecast(cube: xr.DataArray) -> Iterator[Image]:
    references, leads = cube["forecast_reference_time"], cube["lead_time"].values
    real = not is_counted(references) and pd.Timestamp(references.values.min()).year > 1970
    for reference in range(cube.sizes["forecast_reference_time"]):
        for member in range(cube.sizes.get("realization", 1)):
            frames = cube.isel(forecast_reference_time=reference)
            frames = frames.isel(realization=member) if "realization" in cube.dims else frames
            moment = references.values[reference]
            told = {"forecast_reference_time": iso(moment)}
            if "realization" in cube.dims:
                told["realization"] = str(cube["realization"].values[member]) if "realization" in cube.coords else ""
                told["realization"] = told["realization"] or str(member)
            name = " member ".join(told.values())
            told["lead_time_of_first_frame"] = f"{leads[0] / np.timedelta64(1, 's'):g} s"
            frames = frames.transpose("lead_time", "channel", "y", "x")
            yield _image(name, frames, moment + leads, real, told)


def _image(name: str, frames: xr.DataArray, times: np.ndarray, real: bool, notes: dict[str, str]) -> Image:
    spans = (times - times[0]).astype("timedelta64[ns]").astype("int64")
    mean = spans[-1] / max(1, len(spans) - 1)
    even = len(spans) > 1 and np.abs(spans - np.round(np.arange(len(spans)) * mean)).max() <= 1
    step = float(mean / 1e9) if even else None
    offsets = None if even or len(spans) == 1 else tuple(float(span) / 1e9 for span in spans)
    return Image(_plain(name), frames, pd.Timestamp(times[0]) if real else None, step, offsets, notes=notes)


def _grid(cube: xr.DataArray) -> tuple[tuple[float, float] | None, tuple[float, float] | None, str]:
    """Sides of a pixel and the first coordinates, where rows and columns are evenly spaced lengths."""
    sides, firsts, units = [], [], set()
    for axis in ("y", "x"):
        if axis not in cube.coords or cube[axis].dims != (axis,) or cube[axis].dtype.kind not in "iuf":
            return None, None, ""
        values = cube[axis].values.astype(float)
        units.add(_UNITS.get(str(cube[axis].attrs.get("units", "")).strip(), ""))
        side = (values[-1] - values[0]) / (len(values) - 1) if len(values) > 1 else 0.0
        if side == 0 or np.abs(np.diff(values) - side).max() > 1e-3 * abs(side):
            return None, None, ""
        sides.append(float(f"{side:.12g}"))
        firsts.append(float(values[0]))
    if len(units) > 1 or units == {""}:
        return None, None, ""
    # formats of microscopy count rows from the top, whichever way the coordinate runs
    corner = (firsts[0], firsts[1]) if min(sides) > 0 else None
    return (abs(sides[0]), abs(sides[1])), corner, units.pop()


def _notes(cube: xr.DataArray) -> dict[str, str]:
    kept = {"name": str(cube.name or "field")}
    for key, value in cube.attrs.items():
        name = str(key).removeprefix(DATASET_PREFIX)
        if key in _KEPT or (name.startswith("nowcast_") and name not in ("nowcast_chunks", "nowcast_checksum")):
            kept.setdefault(name, _plain(str(value)))
    return kept


def _plain(text: str) -> str:
    """Without the characters that XML cannot hold."""
    return re.sub(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]", "_", text)
