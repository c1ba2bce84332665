"""Which frames and pixels of which cube a batch was cut from: by (seed, epoch) alone, so that no batch carries it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nowcast.cube import iso, label
from nowcast.tensors.loading import Loader
from nowcast.tensors.sources import load

__all__ = ["located"]

NAMED = 3
"""Windows that are named one by one: those with the values furthest from 0."""


def located(loader: Loader, batches: Sequence[int]) -> str:
    """Times, rows and columns, file and range of values of the windows of some batches of the loader's epoch.

    They are read once more: for a message, when something went wrong.
    """
    windows = np.concatenate([loader.windows_of(batch) for batch in batches])
    found, times = [], []
    for cube, number in zip(*loader.blocks.split(windows), strict=True):
        part = loader.parts[cube]
        window = part.plan[int(number)]
        piece = part.cube.isel(time=window.time, y=window.y, x=window.x)
        values, time = load(piece).astype("float64"), piece["time"].values
        times += [time[0], time[-1]]
        seen = values[np.isfinite(values)]
        span = f"values from {seen.min():g} to {seen.max():g}" if len(seen) else "no value"
        missing = 1 - len(seen) / values.size
        rows, columns = (f"{each.start} to {each.stop - 1}" for each in (window.y, window.x))
        told = f"{iso(time[0])} to {iso(time[-1])}, rows {rows}, columns {columns} of {label(part.cube)}: {span}"
        told += f" {part.cube.attrs.get('units') or ''}".rstrip() + (f", {missing:.0%} missing" if missing else "")
        found.append((float(np.abs(seen).max(initial=0)), told))
    found.sort(key=lambda each: -each[0])
    named = "\n          ".join(told for _, told in found[:NAMED])
    others = len(found) - NAMED
    rest = f"\n          and {others} window(s) more" if others > 0 else ""
    return f"{len(found)} window(s) from {iso(min(times))} to {iso(max(times))}:\n          {named}{rest}"
