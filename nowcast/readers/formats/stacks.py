"""What stacks of microscopy say of themselves, TIFF and OME-Zarr alike, and the dataset that is made of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pandas as pd
import xarray as xr

from nowcast.errors import InputError
from nowcast.readers.counting import along, counted
from nowcast.readers.options import Options

__all__ = ["LUMA", "Stack", "dataset_of", "in_seconds", "length_in_um", "pixel_of", "planes_of", "reduced_dtype"]

LUMA = np.array([0.299, 0.587, 0.114])
"""Weights of red, green and blue in their grey: ITU-R BT.601."""

_UM = {"pm": 1e-6, "å": 1e-4, "angstrom": 1e-4, "nm": 1e-3, "um": 1.0, "mm": 1e3, "cm": 1e4, "inch": 25400.0}
_UM |= {"picometer": 1e-6, "nanometer": 1e-3, "micrometer": 1.0, "micron": 1.0, "microns": 1.0, "millimeter": 1e3}
_UM |= {"centimeter": 1e4, "in": 25400.0}
_LARGE = {"m": "m", "meter": "m", "metre": "m", "km": "km", "kilometer": "km", "kilometre": "km"}

_SECONDS = {
    word: seconds
    for seconds, words in (
        (1e-9, "ns nsec nanosecond"),
        (1e-6, "us usec microsecond"),
        (1e-3, "ms msec millisecond"),
        (1.0, "s sec second"),
        (60.0, "m min minute"),
        (3600.0, "h hr hour"),
        (86400.0, "d day"),
    )
    for word in words.split()
}


@dataclass(frozen=True)
class Stack:
    """One image of a file, such as a position, and what is known of it; None where the file does not say.

    Parameters
    ----------
    data
        Dims `(time, channel, y, x)`, lazy.
    step
        Seconds between frames.
    offsets
        Seconds of each frame after `start`, where frames are not evenly spaced.
    pixel
        Of a row and of a column: length and unit, `um`, `m` or `km`.
    corner
        Coordinates of the first row and column, in those units.
    attrs
        Attributes of the field; its name is under `name`.
    """

    name: str
    data: da.Array
    step: float | None = None
    start: pd.Timestamp | None = None
    offsets: tuple[float, ...] | None = None
    pixel: tuple[tuple[float, str], tuple[float, str]] | None = None
    corner: tuple[float, float] = (0.0, 0.0)
    channels: tuple[str, ...] = ()
    attrs: dict[str, Any] = field(default_factory=dict)
    encoding: dict[str, Any] = field(default_factory=dict)


def dataset_of(stacks: Sequence[Stack], path: Path, options: Options) -> xr.Dataset:
    """One field of dims `(time, channel, y, x)`; several images follow each other, told apart by `sequence`.

    Where the file does not say, `options` fill in the time step, the start and the size of a pixel. A single frame of
    an unknown time has no time axis.

    Raises
    ------
    InputError
        No time step is known; or images differ, and `options.variable` names none of them.
    """
    named = [stack for stack in stacks if stack.name == options.variable]
    if len(stacks) > 1 and len(named) == 1:
        stacks = [replace(named[0], attrs={**named[0].attrs, "name": named[0].name})]
    _require_alike(stacks, path)
    first = stacks[0]
    dated = all(stack.start is not None for stack in stacks)
    times = [_times(stack, path, options, dated) for stack in stacks]
    attrs = {"long_name": "intensity", "units": "1", **first.attrs}
    name = str(attrs.pop("name", "intensity"))
    coords: dict[str, xr.Variable] = {"y": _side(first, 0, options), "x": _side(first, 1, options)}
    data = first.data if len(stacks) == 1 else da.concatenate([stack.data for stack in stacks])
    if first.channels:
        coords["channel"] = xr.Variable(("channel",), np.array(first.channels))
    if len(stacks) == 1 and first.data.shape[0] == 1 and not dated:
        field = xr.Variable(("channel", "y", "x"), data[0], attrs)
    else:
        moments = np.concatenate([time.values for time in times])
        coords["time"] = xr.Variable(("time",), moments, times[0].attrs)
        field = xr.Variable(("time", "channel", "y", "x"), data, attrs)
    if len(stacks) > 1:
        labels = np.repeat(_distinct([stack.name for stack in stacks]), [stack.data.shape[0] for stack in stacks])
        coords["sequence"] = xr.Variable(("time",), labels)
    field.encoding = dict(first.encoding)
    if field.sizes["channel"] == 1 and "channel" not in coords:
        field = field.isel(channel=0)
    return xr.Dataset({name: field}, coords=coords)


def _require_alike(stacks: Sequence[Stack], path: Path) -> None:
    kinds = {(stack.data.shape[1:], stack.data.dtype, stack.channels, stack.pixel) for stack in stacks}
    if len(kinds) > 1:
        told = [f"{stack.name!r} {' x '.join(map(str, stack.data.shape))} {stack.data.dtype}" for stack in stacks]
        told = [*told[:8], f"and {len(told) - 8} more"] if len(told) > 8 else told
        raise InputError(
            f"{path}: holds {len(stacks)} images that are not alike (time x channel x y x x), choose one",
            found=("\n" + " " * 10).join(told),
            needed="images of one size, type and pixel size, or one of them",
            next_step=f"--variable {stacks[0].name!r}",
        )


def _times(stack: Stack, path: Path, options: Options, dated: bool) -> xr.Variable:
    frames = stack.data.shape[0]
    start = stack.start if dated else options.first_moment()
    if stack.offsets is not None:
        first = counted(1, 1.0, start)
        steps = np.round(np.array(stack.offsets) * 1e9).astype("int64").astype("timedelta64[ns]")
        return xr.Variable(("time",), first.values[0] + steps, first.attrs)
    step = stack.step if stack.step else options.step_seconds()
    if step is None and frames > 1:
        raise InputError(
            f"{path}: does not say how much time lies between frames",
            found=f"{frames} frames without a time step",
            needed="the time step",
            next_step="say it, for 30 seconds so: --time-step 30s",
        )
    return counted(frames, step or 1.0, start)


def _side(stack: Stack, axis: int, options: Options) -> xr.Variable:
    told = stack.pixel[axis] if stack.pixel else pixel_of(options)
    return along("yx"[axis], stack.data.shape[2 + axis], told, first=stack.corner[axis])


def pixel_of(options: Options) -> tuple[float, str] | None:
    """The side of a pixel that the user says, in um (also where no unit is said), m or km; None if nothing is said."""
    given = options.pixel()
    return None if given is None else length_in_um(given[0], given[1] or "um")


def _distinct(names: list[str]) -> list[str]:
    return names if len(set(names)) == len(names) else [f"{name} {number}" for number, name in enumerate(names)]


def length_in_um(size: float, unit: str) -> tuple[float, str] | None:
    """A length in um, or in m or km if it was; None where the unit is none of length, or the size none of a pixel."""
    word = unit.strip().strip('"').replace("µ", "u").replace("μ", "u").replace("\\u00B5", "u")
    if not 0 < size < float("inf"):
        return None
    if word.lower() in _LARGE and word not in ("M", "KM"):
        return size, _LARGE[word.lower()]
    factor = _UM.get(word.lower().replace("metre", "meter"))
    return None if factor is None else (size if factor == 1 else float(f"{size * factor:.12g}"), "um")


def in_seconds(span: float, unit: str) -> float | None:
    """A span of time in seconds; None where the unit is none of time, or the span is no time step."""
    word = unit.strip().replace("µ", "u").replace("μ", "u")
    factor = _SECONDS.get(word.lower()) or _SECONDS.get(word.lower().removesuffix("s"))
    return None if factor is None or not 0 < span < float("inf") else span * factor


def planes_of(depth: int, path: Path, options: Options) -> str | int:
    """What becomes of the planes along z: "max", "mean", "sum", or the number of the one that is taken.

    Raises
    ------
    InputError
        There are several, and `options.z` does not say, or says what cannot be.
    """
    told = None if options.z is None else str(options.z).strip().lower()
    if told is None and depth == 1:
        return 0
    if told in ("max", "mean", "sum"):
        return told if depth > 1 else 0
    if told is not None and told.isdecimal() and int(told) < depth:
        return int(told)
    near = get_close_matches(told or "", ("max", "mean", "sum"), n=1)
    raise InputError(
        f"{path}: " + (f"--z {options.z!r} cannot be had" if told else f"has {depth} planes along z, frames have one"),
        found=f"{depth} planes, 0 to {depth - 1}",
        needed="max, mean or sum over the planes, or the number of one",
        next_step=f"--z {near[0] if near else 'max'}   (or --z {depth // 2} for the plane in the middle)",
    )


def reduced_dtype(dtype: np.dtype[Any], how: str | int, depth: int) -> np.dtype[Any]:
    """The type that holds the projection: of a plane and of `max` its own, of a mean or sum a float that is exact."""
    if how not in ("mean", "sum"):
        return dtype
    exact = dtype == np.float32 or (dtype.itemsize <= 2 and depth <= 256)
    return np.dtype("float32" if exact else "float64")
