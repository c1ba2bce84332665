"""Frames, rows and columns that are only counted, where a file does not say when and where they are."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from nowcast.cube import FROM_THE_TOP

__all__ = ["FIRST_FRAME", "counted", "rows_and_columns"]

FIRST_FRAME = "first frame"
"""The value of a time axis' attribute `counted_from` where a file tells only the step: then its times are 1970's."""


def counted(frames: int, seconds: float, start: pd.Timestamp | None = None) -> xr.Variable:
    """A time axis of so many frames, dims `(time,)`, from `start`, or counted from the first frame if None."""
    steps = np.round(np.arange(frames) * seconds * 1e9).astype("int64").astype("timedelta64[ns]")
    first = np.datetime64(0, "ns") if start is None else start.to_datetime64().astype("datetime64[ns]")
    attrs = {"standard_name": "time"} | ({"counted_from": FIRST_FRAME} if start is None else {})
    return xr.Variable(("time",), first + steps, attrs)


def rows_and_columns(rows: int, columns: int) -> dict[str, xr.Variable]:
    """Coordinates `y` and `x` that count from the upper left corner."""
    return {
        name: xr.Variable((name,), np.arange(length), {"units": "1", "long_name": words})
        for name, length, words in (("y", rows, f"row {FROM_THE_TOP}"), ("x", columns, "column from the left"))
    }
