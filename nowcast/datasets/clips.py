"""Clips as one cube: each file a sequence, with its published part and its label along time."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import dask.array as da
import numpy as np
import xarray as xr

from nowcast.cube import PARTS, check
from nowcast.errors import InputError
from nowcast.progress import bar
from nowcast.readers import open_cube
from nowcast.readers.joining.kinds import equal
from nowcast.readers.options import Options

__all__ = ["Clip", "find_clips", "one_cube", "with_defaults"]

MOST_FILES = 100_000
"""In a folder and below it; UCF-101, the largest here, has 13,320."""


@dataclass(frozen=True)
class Clip:
    """A file (or the files of one sequence), the sequence's name, its published part (None: none) and its label."""

    paths: tuple[Path, ...]
    name: str
    part: str | None = None
    label: str | None = None


def find_clips(folder: Path, suffix: str) -> list[Path]:
    """Files below the folder whose names end so, by name; folders that are links are not entered.

    Raises
    ------
    InputError
        There are more than `MOST_FILES`.
    """
    found: list[Path] = []
    for at, _, names in os.walk(folder):
        found += [Path(at, name) for name in names if name.lower().endswith(suffix) and not name.startswith(".")]
        if len(found) > MOST_FILES:
            raise InputError(f"{folder}: more than {MOST_FILES:,} files {suffix}", next_step="give a smaller folder")
    return sorted(found, key=lambda path: (path.name, str(path)))


def one_cube(clips: Sequence[Clip], options: Options, *, step: float | None = None) -> xr.DataArray:
    """All clips along time, those for training first, the test last; lazy.

    Coordinates along time: `sequence`, and `part` and `label` where the clips have them.

    Parameters
    ----------
    options
        Obeyed for every clip.
    step
        Seconds between frames, in place of what the files say.

    Raises
    ------
    InputError
        What `open_cube` refuses, two clips of one name, or clips of different sizes.
    """
    order = {name: number for number, name in enumerate(PARTS)}
    clips = sorted(clips, key=lambda clip: order.get(clip.part or "", 0))
    names = [clip.name for clip in clips]
    if len(set(names)) < len(names):
        twice = next(name for number, name in enumerate(names) if name in names[:number])
        raise InputError(f"two clips are named {twice!r}", next_step="leave one of them out")
    said = options.given()
    cubes: list[xr.DataArray] = []
    with bar("open", total=len(clips)) as line:
        for clip in clips:
            cubes.append(open_cube(list(clip.paths), **said))
            _require_same(cubes[0], cubes[-1], clip)
            line.to(len(cubes))
    first = cubes[0]
    lengths = [cube.sizes["time"] for cube in cubes]
    times = [cube["time"].values for cube in cubes]
    if step is not None:
        times = [time[0] + (np.arange(len(time)) * round(step * 1e9)).astype("timedelta64[ns]") for time in times]
    along = {
        "time": ("time", np.concatenate(times), first["time"].attrs),
        "sequence": ("time", np.repeat(names, lengths)),
    }
    for key in ("part", "label"):
        values = [getattr(clip, key) for clip in clips]
        if all(value is not None for value in values):
            along[key] = ("time", np.repeat(values, lengths))
    kept = {key: coord for key, coord in first.coords.items() if "time" not in coord.dims}
    attrs = {key: value for key, value in first.attrs.items() if all(equal(c.attrs.get(key), value) for c in cubes)}
    cube = xr.DataArray(
        da.concatenate([each.data for each in cubes]),
        dims=first.dims,
        coords={**kept, **along},
        name=first.name,
        attrs=attrs,
    )
    return check(cube)


def with_defaults(
    options: Options, *, size: str | None = None, time_step: str | None = None, pixel_size: str | None = None
) -> Options:
    """The options, with those of a dataset where the user left them open."""
    return replace(
        options,
        size=options.size or size,
        time_step=options.time_step or time_step,
        pixel_size=options.pixel_size or pixel_size,
    )


def _require_same(first: xr.DataArray, other: xr.DataArray, clip: Clip) -> None:
    if other.shape[1:] != first.shape[1:] or other.name != first.name:
        raise InputError(
            f"{clip.paths[0]}: clips of different kinds cannot be one cube",
            found=f"{other.name}, {' x '.join(map(str, other.shape[1:]))} (channel, y, x)",
            needed=f"{first.name}, {' x '.join(map(str, first.shape[1:]))}, as in the first clip",
            next_step="bring them to one size: --size 128x128, or give one sequence alone",
        )
