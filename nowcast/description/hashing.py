"""What data and splits are, as one number: the same for the same values, times and grid, however they are stored."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from nowcast.cube import check, label, sequence_of
from nowcast.progress import bar
from nowcast.readers import reading
from nowcast.units import spelled

__all__ = ["content_hash", "fingerprint", "plain_hash"]

AT_ONCE = 16_000_000
"""Pixels that are read at a time."""


def content_hash(cube: xr.DataArray) -> str:
    """SHA-256 of what a cube holds.

    That is: values as float32 (all NaN are one), frame by frame; times in nanoseconds, and where a sequence begins;
    values and units of the coordinates along y and x to nine digits; units. Not: names of files, variables and
    sequences, chunks, how values are packed, attributes.

    Parameters
    ----------
    cube
        Dims `(time, channel, y, x)`; read once, in pieces.

    Returns
    -------
    str
        64 hexadecimal digits.
    """
    total = _of_head(cube)
    _add_values(total, cube, range(cube.sizes["time"]))
    return total.hexdigest()


def fingerprint(cube: xr.DataArray) -> str:
    """As `content_hash`, but that of all frames the first, the middle and the last one are read: cheap for any size.

    What differs is another cube; what does not is the same one, unless somebody changed single frames of it.
    """
    total = _of_head(cube)
    last = cube.sizes["time"] - 1
    _add_values(total, cube, sorted({0, last // 2, last}))
    return total.hexdigest()


def _of_head(cube: xr.DataArray) -> hashlib._Hash:
    check(cube)
    total = hashlib.sha256(b"nowcast cube 1\n")
    sequence = sequence_of(cube)
    begins = np.concatenate([[True], sequence[1:] != sequence[:-1]])
    total.update(cube["time"].values.astype("datetime64[ns]").astype("<i8").tobytes())
    total.update(begins.astype("u1").tobytes())
    head = {"shape": list(cube.shape), "units": spelled(cube.attrs.get("units")), "grid": _grid(cube)}
    total.update(json.dumps(head, sort_keys=True).encode())
    return total


def _add_values(total: hashlib._Hash, cube: xr.DataArray, frames: Sequence[int]) -> None:
    step = max(1, AT_ONCE // cube[0].size)
    with bar("hash", total=len(frames)) as line, reading(label(cube)):
        for first in range(0, len(frames), step):
            for frame in cube.isel(time=list(frames[first : first + step])).values:
                values = np.ascontiguousarray(frame, dtype="<f4") + np.float32(0)  # so that -0 is 0
                values[np.isnan(values)] = np.nan
                total.update(values.tobytes())
            line.to(min(first + step, len(frames)))


def plain_hash(plain: Any) -> str:
    """SHA-256 of plain data, as JSON with sorted keys."""
    return hashlib.sha256(json.dumps(plain, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _grid(cube: xr.DataArray) -> list[Any]:
    """Coordinates over the field, whatever their names: dims, units, the hash of their values to nine digits."""
    found = []
    for coord in cube.coords.values():
        if not coord.dims or not set(coord.dims) <= {"y", "x"} or coord.dtype.kind not in "iuf":
            continue
        values = ",".join(f"{value:.9g}" for value in coord.values.ravel().astype(float))
        units = coord.attrs.get("units")
        found.append([list(coord.dims), spelled(units), hashlib.sha256(values.encode()).hexdigest()])
    return sorted(found, key=str)
