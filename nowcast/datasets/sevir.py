"""SEVIR: storms over the USA, 4 hours of 384 x 384 km each (Veillette et al. 2020, https://registry.opendata.aws/sevir/).

One type of image at a time: `vil` (radar, 1 km) unless `--variable` says `ir069`, `ir107` (2 km) or `vis` (0.5 km).
The test is what came after 2019-06-01, and events with missing pixels are left out, as the authors' generators have it
(https://github.com/MIT-AI-Accelerator/neurips-2020-sevir).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import dask.array as da
import numpy as np
import pandas as pd
import xarray as xr

from nowcast.cube import check
from nowcast.errors import InputError, UnsafeError
from nowcast.progress import tell
from nowcast.readers import reading
from nowcast.readers.formats.hdf5 import opened
from nowcast.readers.lazy import lazily
from nowcast.readers.options import Options
from nowcast.readers.shaping import shaped

__all__ = ["sevir"]

CATALOGUE = "CATALOG.csv"
LARGEST_CATALOGUE = 500_000_000
"""Bytes; the published one has 76,004 rows in some 30 MB."""

FIRST_TEST_TIME = pd.Timestamp("2019-06-01")
LONGEST = 1000
"""Frames of an event; there are 49."""


@dataclass(frozen=True)
class _Kind:
    """One type of image: the stored number that means missing, the factor to physical units, and what to call it."""

    missing: int
    factor: float
    attrs: dict[str, Any]


KINDS = {
    "vil": _Kind(
        255,
        1.0,
        {
            "units": "1",
            "long_name": "vertically integrated liquid, encoded from 0 to 254",
            "comment": "X in kg m-2: 0 up to 5, (X - 2) / 90.66 up to 18, exp((X - 83.9) / 38.9) above",
        },
    ),
    "ir069": _Kind(-32768, 0.01, {"units": "degree_Celsius", "long_name": "brightness temperature at 6.9 um"}),
    "ir107": _Kind(-32768, 0.01, {"units": "degree_Celsius", "long_name": "brightness temperature at 10.7 um"}),
    "vis": _Kind(-32768, 1e-4, {"units": "1", "long_name": "reflectance factor at 0.64 um"}),
}


@dataclass(frozen=True)
class _Event:
    """A row of the catalogue whose file is at hand."""

    name: str
    path: Path
    index: int
    times: np.ndarray
    width: float


def sevir(folder: Path, options: Options) -> xr.DataArray:
    """All events of one type of image as sequences, by time, with their true times; lazy, an event to a chunk.

    Rows run from south to north, as the authors' own plots have them.

    Coordinates along time: `sequence` (the event's id) and `part`; 13 frames in and 12 out are suggested.

    Raises
    ------
    InputError
        No catalogue, none of its files, files that do not hold what it says, or a type of image that SEVIR has not.
    UnsafeError
        The catalogue, or a file, leads out of the folder.
    """
    kind = options.variable or "vil"
    if kind not in KINDS:
        raise InputError(f"sevir: no images of type {kind!r}", needed=", ".join(KINDS), next_step="--variable vil")
    rows = _rows(folder, kind)
    events, absent = [], set()
    for row in rows.itertuples(index=False):
        path = _place(folder, str(row.file_name))
        if path is None:
            absent.add(str(row.file_name))
            continue
        events.append(_Event(str(row.id), path, int(row.file_index), _times(row, folder), float(row.width_m)))
    if not events:
        raise InputError(
            f"{folder}: none of the files that {CATALOGUE} names is at hand",
            found=", ".join(sorted(absent)[:3]) + (", ..." if len(absent) > 3 else "") or f"no row of type {kind}",
            needed=f"at least one, at its place: {folder}/{kind}/2019/... or {folder}/data/{kind}/2019/...",
        )
    if absent:
        tell(f"beware   {len(absent)} file(s) that {CATALOGUE} names are not at hand: their events are left out")
    events.sort(key=lambda event: (event.times[0], event.name))
    side = _require_same(events, kind)
    frames = len(events[0].times)
    name = np.array([event.name for event in events])
    part = np.where(
        [event.times[frames // 2] > FIRST_TEST_TIME.to_datetime64() for event in events], "test", "training"
    )
    told = KINDS[kind]
    data = da.concatenate(
        [
            lazily(
                event.path,
                partial(_frames, event.path, event.index, kind),
                frames=frames,
                shape=(1, side, side),
                dtype="float32",
                at_once=frames,
            )
            for event in events
        ]
    )
    pixel = events[0].width / side
    cube = xr.DataArray(
        data,
        dims=("time", "channel", "y", "x"),
        coords={
            "time": ("time", np.concatenate([event.times for event in events]), {"standard_name": "time"}),
            "sequence": ("time", np.repeat(name, frames)),
            "part": ("time", np.repeat(part, frames)),
            "y": ("y", pixel * np.arange(side), {"units": "m", "long_name": "distance from the first row"}),
            "x": ("x", pixel * np.arange(side), {"units": "m", "long_name": "distance from the first column"}),
        },
        name=kind,
        attrs={**told.attrs, "source_dims": "time=time y=y x=x", "suggested_context": 13, "suggested_horizon": 12},
    )
    return shaped(check(cube), options)


def _rows(folder: Path, kind: str) -> pd.DataFrame:
    """The rows of one type of image, each event once, none with missing pixels."""
    path = folder / CATALOGUE
    if not path.is_file():
        raise InputError(f"{folder}: holds no {CATALOGUE}", next_step=f"aws s3 cp s3://sevir/{CATALOGUE} {folder}/")
    if path.stat().st_size > LARGEST_CATALOGUE:
        raise InputError(f"{path}: too large for SEVIR's catalogue", found=f"{path.stat().st_size} bytes")
    needed = {"id", "file_name", "file_index", "img_type", "time_utc", "minute_offsets", "pct_missing", "width_m"}
    try:
        with reading(str(path)):
            table = pd.read_csv(path, usecols=lambda name: name in needed, dtype=str, low_memory=False)
        lacking = sorted(needed - set(table.columns))
        if lacking:
            raise InputError(f"{path}: not SEVIR's catalogue", found=f"no column {', '.join(lacking)}")
        table = table[table["img_type"] == kind].drop_duplicates("id")
        table = table[table["pct_missing"].astype(float) == 0]
        numbers = {
            "file_index": table["file_index"].astype(float).astype(int),
            "width_m": table["width_m"].astype(float),
        }
        table = table.assign(**numbers, time_utc=pd.to_datetime(table["time_utc"]))
    except (ValueError, OverflowError) as error:
        raise InputError(f"{path}: not SEVIR's catalogue", found=" ".join(str(error).split())[:200]) from error
    if table.empty:
        raise InputError(f"{path}: no event of type {kind} without missing pixels")
    return table


def _place(folder: Path, name: str) -> Path | None:
    """Where a file of the catalogue lies; None if it is not at hand."""
    inside = PurePosixPath(name.replace("\\", "/"))
    if inside.is_absolute() or ".." in inside.parts or ":" in name:
        raise UnsafeError(f"{folder / CATALOGUE}: leads out of its folder", found=f"file_name {name!r}")
    return next((path for path in (folder / inside, folder / "data" / inside) if path.is_file()), None)


def _times(row: Any, folder: Path) -> np.ndarray:
    minutes = str(row.minute_offsets).split(":")
    try:
        offsets = np.array([round(float(minute) * 60) for minute in minutes[: LONGEST + 1]]).astype("timedelta64[s]")
    except (ValueError, OverflowError):
        offsets = np.array([], dtype="timedelta64[s]")
    if not 1 <= len(offsets) <= LONGEST or (np.diff(offsets) <= np.timedelta64(0, "s")).any() or pd.isna(row.time_utc):
        raise InputError(
            f"{folder / CATALOGUE}: the times of event {row.id} cannot be read",
            found=f"{row.time_utc}, minute_offsets {str(row.minute_offsets)[:60]!r}",
            needed="minutes from the event's time with colons between: -120:-115:...:120",
        )
    times: np.ndarray = row.time_utc.to_datetime64().astype("datetime64[ns]") + offsets
    return times


def _require_same(events: list[_Event], kind: str) -> int:
    """Pixels along a side; every file must hold its events as the catalogue says."""
    frames = {len(event.times) for event in events}
    sides = set()
    for path, group in _by_file(events):
        with opened(path) as file:
            stored = file.get(kind)
            shape: tuple[int, ...] = getattr(stored, "shape", ())
            last = max(event.index for event in group)
            fits = len(shape) == 4 and shape[1] == shape[2] and {shape[3]} == frames and stored.dtype.kind in "iu"
            if not fits or min(event.index for event in group) < 0 or last >= shape[0]:
                raise InputError(
                    f"{path}: does not hold what {CATALOGUE} says",
                    found=f"{kind} {shape}",
                    needed=f"{kind} (more than {last}, y, x, {' or '.join(map(str, sorted(frames)))}), whole numbers",
                    next_step="fetch the file and the catalogue again",
                )
            sides.add(int(shape[1]))
    if len(sides) > 1:
        raise InputError(f"sevir: images of {kind} differ in size", found=", ".join(map(str, sorted(sides))))
    return sides.pop()


def _by_file(events: list[_Event]) -> Iterator[tuple[Path, list[_Event]]]:
    groups: dict[Path, list[_Event]] = {}
    for event in events:
        groups.setdefault(event.path, []).append(event)
    yield from groups.items()


def _frames(path: Path, index: int, kind: str, first: int, stop: int) -> np.ndarray:
    """Frames `first:stop` of an event in physical units, NaN where missing, `(frame, 1, y, x)`."""
    with opened(path) as file:
        stored = file[kind][index, :, :, first:stop]
    told = KINDS[kind]
    values = np.moveaxis(stored, -1, 0)[:, None]
    return np.where(values == told.missing, np.nan, told.factor * values).astype("float32")
