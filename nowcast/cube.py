"""What a cube is: a plain `xarray.DataArray` with dims `(time, channel, y, x)`, checked here.

Missing pixels are NaN. A `sequence` coordinate along time, where there is one, tells clips, events or positions apart;
a `part` coordinate along time says which of `PARTS` the publishers of a dataset gave a frame to.
The names that the dims bore in the source are kept in the attribute `source_dims` and given back by the writers.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from nowcast.errors import InputError

__all__ = [
    "COLOURS",
    "DATASET_PREFIX",
    "DIMS",
    "FORECAST_DIMS",
    "FROM_THE_TOP",
    "PARTS",
    "STEP_TOLERANCE",
    "Gap",
    "Run",
    "check",
    "gaps",
    "grid_mapping",
    "grid_step",
    "is_categorical",
    "is_counted",
    "iso",
    "label",
    "runs",
    "sequence_of",
    "source_dims",
    "thinned",
    "time_step",
    "upright",
    "with_source_dims",
]

DIMS = ("time", "channel", "y", "x")
_CLASS_NAMES = {"ct", "cma", "ctype", "cloudtype", "cloud_type", "cloudmask", "cloud_mask", "cloud_phase"}
_CLASS_NAMES |= {"landcover", "land_cover", "mask", "class", "classes", "labels"}

COLOURS = ("red", "green", "blue")
"""What the channels of a picture in colours are called."""

FORECAST_DIMS = ("forecast_reference_time", "lead_time", "channel", "y", "x")

PARTS = ("training", "validation", "test")

FROM_THE_TOP = "from the top"
"""How the long name of a coordinate of rows ends that counts from a picture's first row, wherever north is."""

_MAP_AXES = {"y": ("projection_y_coordinate", "latitude"), "x": ("projection_x_coordinate", "longitude")}
_MAP_UNITS = re.compile(r"m|km|rad|radians?|degrees?(_(north|east|N|E))?")

DATASET_PREFIX = "dataset:"
"""Attributes of the source's whole dataset (institution, licence, ...) ride on the cube under this prefix."""

SAMPLED_FRAMES = 64
SAMPLED_PIXELS = 8_000_000

STEP_TOLERANCE = 0.1
"""Frames follow each other when their distance is the time step to within this share of it: clocks of radars jitter."""


@dataclass(frozen=True)
class Run:
    """Frames `start:stop` of the time axis that follow each other at the time step, within one sequence."""

    start: int
    stop: int

    def __len__(self) -> int:
        return self.stop - self.start


@dataclass(frozen=True)
class Gap:
    """A hole in time: the last time before it (ISO 8601) and the seconds until the next frame."""

    after: str
    seconds: float


def iso(time: Any) -> str:
    """ISO 8601 text of a time, without needless fractions of a second."""
    return str(pd.Timestamp(time).isoformat())


def label(cube: xr.DataArray) -> str:
    """How messages name a cube: its variable, and the file it came from where that is known."""
    source = cube.encoding.get("source") or cube.attrs.get("source_path")
    name = str(cube.name) if cube.name is not None else "unnamed variable"
    return f"{source}: variable {name!r}" if source else f"variable {name!r}"


def check(cube: xr.DataArray) -> xr.DataArray:
    """Return the cube as it is, or say what keeps it from being one.

    Raises
    ------
    InputError
        Other dims than `(time, channel, y, x)`, an empty axis, no times, times that are not dates, that repeat, or that
        run backwards within a sequence; values that are not real numbers.
    """
    if not isinstance(cube, xr.DataArray):
        raise InputError(
            f"a cube is an xarray.DataArray, not a {type(cube).__name__}",
            next_step="open files with nowcast.open_cube(path), or pick a variable: dataset['name']",
        )
    if cube.dims != DIMS:
        raise InputError(
            f"{label(cube)}: these are not the dims of a cube",
            found=str(tuple(cube.dims)),
            needed=str(DIMS),
            next_step="nowcast.open_cube(path), or cube.rename(...).transpose('time', 'channel', 'y', 'x')",
        )
    if 0 in cube.shape:
        raise InputError(f"{label(cube)}: an axis is empty", found=f"shape {cube.shape}", needed="at least one of each")
    if cube.dtype.kind not in "biuf":
        raise InputError(
            f"{label(cube)}: values are not real numbers", found=str(cube.dtype), needed="integers or floats"
        )
    if "time" not in cube.coords:
        raise InputError(f"{label(cube)}: frames have no times", needed="a coordinate 'time' along the first dim")
    time = cube["time"].values
    if time.dtype.kind != "M":
        raise InputError(
            f"{label(cube)}: times are not dates of the standard calendar",
            found=f"{type(time.flat[0]).__name__} ({time.flat[0]})",
            needed="datetime64 (a CF time in the standard or proleptic Gregorian calendar)",
            next_step="give them dates with xarray: cube.assign_coords(time=pandas.to_datetime(...))",
        )
    if np.isnat(time).any():
        raise InputError(f"{label(cube)}: frame {int(np.isnat(time).argmax())} has no time", found="NaT")
    seconds, same = _steps(cube)
    _check_order(cube, seconds, same)
    sequence = sequence_of(cube)
    if int((~same).sum()) + 1 != len(np.unique(sequence)):
        raise InputError(
            f"{label(cube)}: frames of one sequence lie apart", needed="each sequence in one stretch of time"
        )
    return cube


def _check_order(cube: xr.DataArray, seconds: np.ndarray, same: np.ndarray) -> None:
    """Within each sequence times must rise; the arguments are those of `_steps`."""
    time = cube["time"].values
    repeated = time[1:][same & (seconds == 0)]
    if len(repeated):
        raise InputError(
            f"{label(cube)}: {len(repeated)} time(s) occur twice, the first {iso(repeated[0])}",
            needed="each time once",
            next_step="keep one of them: cube.drop_duplicates('time'), or leave out the file that repeats it",
        )
    backwards = time[:-1][same & (seconds < 0)]
    if len(backwards):
        raise InputError(
            f"{label(cube)}: times run backwards after {iso(backwards[0])}",
            needed="ascending times",
            next_step="cube.sortby('time')",
        )


def is_counted(times: xr.DataArray) -> bool:
    """Whether times have no date: those of a clip are counted from its first frame, in 1970."""
    return "counted_from" in times.attrs


def sequence_of(cube: xr.DataArray) -> np.ndarray:
    """The sequence that each frame belongs to, dims `(time,)`; all 0 where the cube has only one."""
    if "sequence" in cube.coords and cube["sequence"].dims == ("time",):
        values: np.ndarray = cube["sequence"].values
        return values
    return np.zeros(cube.sizes["time"], dtype=int)


def _steps(cube: xr.DataArray) -> tuple[np.ndarray, np.ndarray]:
    """Seconds between neighbouring frames, and whether both lie in one sequence; dims `(time - 1,)` each."""
    time = cube["time"].values
    sequence = sequence_of(cube)
    seconds = np.diff(time) / np.timedelta64(1, "s")
    return seconds, sequence[1:] == sequence[:-1]


def time_step(cube: xr.DataArray) -> float | None:
    """The time step in seconds: the commonest distance of neighbouring frames; None for a single frame."""
    seconds, same = _steps(cube)
    if not same.any():
        return None
    digits = max(3, 3 - math.floor(math.log10(max(float(np.median(seconds[same])), 1e-9))))
    values, counts = np.unique(np.round(seconds[same], digits), return_counts=True)
    nearest = float(values[counts.argmax()])
    near = np.abs(seconds[same] - nearest) <= STEP_TOLERANCE * nearest
    return float(np.round(np.median(seconds[same][near]), max(6, digits)))


def runs(cube: xr.DataArray) -> list[Run]:
    """The stretches of time without a gap, in order. A window lies within one of them."""
    seconds, same = _steps(cube)
    step = time_step(cube)
    joined = same if step is None else same & (np.abs(seconds - step) <= STEP_TOLERANCE * step)
    edges = [0, *(int(i) + 1 for i in np.flatnonzero(~joined)), cube.sizes["time"]]
    return [Run(start, stop) for start, stop in pairwise(edges)]


def gaps(cube: xr.DataArray) -> list[Gap]:
    """The places within a sequence where neighbouring frames are not one time step apart."""
    seconds, same = _steps(cube)
    step = time_step(cube)
    if step is None:
        return []
    time = cube["time"].values
    broken = same & (np.abs(seconds - step) > STEP_TOLERANCE * step)
    return [Gap(iso(time[i]), float(seconds[i])) for i in np.flatnonzero(broken)]


def source_dims(cube: xr.DataArray) -> dict[str, str]:
    """The dims' names in the source, by our names; a dim that the source did not have is not in it."""
    text = cube.attrs.get("source_dims")
    if text is None:
        return {name: name for name in DIMS}
    return dict(pair.split("=", 1) for pair in str(text).split(" ") if "=" in pair)


def with_source_dims(cube: xr.DataArray, names: dict[str, str]) -> xr.DataArray:
    """The same cube, remembering the names that its dims had in the source (names may hold no space)."""
    return cube.assign_attrs(source_dims=" ".join(f"{ours}={theirs}" for ours, theirs in names.items()))


def thinned(cube: xr.DataArray) -> xr.DataArray:
    """A part that stands for the cube's distribution: at most `SAMPLED_FRAMES` evenly spread frames, and of these so
    many evenly spread pixels that `SAMPLED_PIXELS` are not exceeded by much.
    """
    picks = np.unique(np.linspace(0, cube.sizes["time"] - 1, SAMPLED_FRAMES).round().astype(int))
    every = math.ceil(math.sqrt(len(picks) * cube[0].size / SAMPLED_PIXELS))
    return cube.isel(time=picks, y=slice(None, None, every), x=slice(None, None, every))


def is_categorical(cube: xr.DataArray) -> bool:
    """Whether values are classes: by flag attributes or standard name, or integers under the name of such a product."""
    if {"flag_values", "flag_meanings", "flag_masks"} & set(cube.attrs):
        return True
    standard = str(cube.attrs.get("standard_name", ""))
    if standard.endswith(("_flag", "_classification", "cloud_type", "land_cover_lccs")):
        return True
    words = re.split(r"[^a-z]+", str(cube.name).lower())
    return cube.dtype.kind in "iub" and not _CLASS_NAMES.isdisjoint([*words, "_".join(words)])


def grid_mapping(cube: xr.DataArray) -> xr.DataArray | None:
    """The CF grid mapping variable that the cube refers to and carries, if any."""
    name = cube.attrs.get("grid_mapping") or cube.encoding.get("grid_mapping")
    return cube.coords[name] if isinstance(name, str) and name in cube.coords else None


def grid_step(cube: xr.DataArray) -> dict[str, Any] | None:
    """Distance of neighbouring rows and columns, positive, and which way they run; None without regular coordinates.

    `{"y", "x", "units", "y_rises", "x_rises"}`.
    """
    size: dict[str, Any] = {}
    for axis in ("y", "x"):
        if axis not in cube.coords or cube.sizes[axis] < 2 or cube[axis].dtype.kind not in "iuf":
            return None
        values = cube[axis].values.astype(float)
        mean = (values[-1] - values[0]) / (len(values) - 1)
        if mean == 0 or np.abs(np.diff(values) - mean).max() > 0.01 * abs(mean):
            return None
        size[axis] = float(np.float32(abs(mean)))
        size[f"{axis}_rises"] = bool(mean > 0)
    size["units"] = str(cube["x"].attrs.get("units", "")) or None
    return size


def upright(cube: xr.DataArray) -> tuple[slice, slice]:
    """How rows and columns are taken so that north is up and east is right; as they are where nothing tells north."""
    taken = {"y": slice(None), "x": slice(None)}
    for axis, falls in (("y", True), ("x", False)):
        for name, coord in cube.coords.items():
            told = str(coord.attrs.get("standard_name", "")).removeprefix("grid_")
            picture = str(coord.attrs.get("long_name", "")).endswith(FROM_THE_TOP)
            named = name == axis and not told and not picture
            by_units = named and _MAP_UNITS.fullmatch(str(coord.attrs.get("units", "")))
            if axis not in coord.dims or not (told in _MAP_AXES[axis] or by_units) or coord.sizes[axis] < 2:
                continue
            values = coord.mean([dim for dim in coord.dims if dim != axis]).values
            rises = np.median(np.diff(values)) > 0  # not by the ends: between them may lie the date line
            taken[axis] = slice(None, None, -1 if rises == falls else 1)
            break
    return taken["y"], taken["x"]
