"""Frames, rows and columns that are only counted, where a file does not say when and where they are."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from nowcast.cube import FROM_THE_TOP

__all__ = ["FIRST_FRAME", "along", "counted", "rows_and_columns"]

FIRST_FRAME = "first frame"
"""The value of a time axis' attribute `counted_from` where a file tells only the step: then its times are 1970's."""


def counted(frames: int, seconds: float, start: pd.Timestamp | None = None) -> xr.Variable:
    """A time axis of so many frames, dims `(time,)`, from `start`, or counted from the first frame if None."""
    steps = np.round(np.arange(frames) * seconds * 1e9).astype("int64").astype("timedelta64[ns]")
    first = np.datetime64(0, "ns") if start is None else start.to_datetime64().astype("datetime64[ns]")
    attrs = {"standard_name": "time"} | ({"counted_from": FIRST_FRAME} if start is None else {})
    return xr.Variable(("time",), first + steps, attrs)


def rows_and_columns(rows: int, columns: int, pixel: tuple[float, str] | None = None) -> dict[str, xr.Variable]:
    """Coordinates `y` and `x` from the upper left corner: numbers, or distances where a pixel's side is known."""
    return {"y": along("y", rows, pixel), "x": along("x", columns, pixel)}


def along(axis: str, length: int, pixel: tuple[float, str] | None, *, first: float = 0.0) -> xr.Variable:
    """The coordinate `y` or `x` of so many rows or columns.

    Parameters
    ----------
    pixel
        Length of a side and its unit; None: they are numbered.
    first
        The coordinate of the first, in that unit.
    """
    what, where = ("row", FROM_THE_TOP) if axis == "y" else ("column", "from the left")
    if pixel is None:
        return xr.Variable((axis,), np.arange(length), {"units": "1", "long_name": f"{what} {where}"})
    side, units = pixel
    # by metres alone it would be taken for a map's axis, which rises to the north
    attrs = {"units": units} | ({} if units == "um" else {"long_name": f"distance {where}"})
    return xr.Variable((axis,), first + np.arange(length) * side, attrs)
