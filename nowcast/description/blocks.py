"""Blocks of zeros that no weather or cell makes: dropped parts of a picture, filled with a silent code.

A dry area is bounded by light rain and is ragged; a dropped block has straight edges, and anything behind them.
"""

from __future__ import annotations

from typing import Any

import dask
import dask.array as da
import numpy as np
import xarray as xr

from nowcast.cube import iso

__all__ = ["suspicious_blocks"]

SMALLEST_SHARE = 0.02
"""Of a frame: smaller blocks are not spoken of."""

STRAIGHT = 16
"""Pixels in a row that an edge must run straight, to count as straight."""

MOST_EDGE = 0.5
"""Share of the edge that must be straight, and jump of values across it as a share of the field's median, at least."""


def suspicious_blocks(cube: xr.DataArray) -> list[str]:
    """A line for blocks of exactly 0 in some frames, and one for a block in all of them, if there are any.

    Reads the whole cube once, frame by frame.
    """
    data = cube.data if isinstance(cube.data, da.Array) else da.from_array(cube.data, chunks=(1, *cube.shape[1:]))
    data = data.rechunk({2: -1, 3: -1})
    always = (data == 0).all(axis=(0, 1))
    each = data.map_blocks(_judged, dtype="float64", chunks=(*data.chunks[:2], (2,)), drop_axis=[2, 3], new_axis=2)
    everywhere, judged = dask.compute(always, each)
    share, suspicious = judged[:, 0, 0], judged[:, 0, 1] > 0
    fixed = float(everywhere.mean())
    found = []
    more = np.flatnonzero(suspicious & (share - fixed >= SMALLEST_SHARE) & (share > 1.25 * np.median(share)))
    time = cube["time"].values
    if len(more):
        told = ", ".join(f"{index} ({iso(time[index])}, {share[index]:.0%})" for index in more[:6])
        found.append(
            f"{len(more)} frame(s) hold blocks of exactly 0 with straight edges, as dropped data leave: {told}"
            + (" ..." if len(more) > 6 else "")
            + "; if 0 stands for missing: --missing-value 0"
        )
    if fixed >= SMALLEST_SHARE and suspicious.mean() > 0.5:
        found.append(
            f"{fixed:.1%} of the field is exactly 0 in every frame, with straight edges; if that is no "
            "measurement: --missing-value 0"
        )
    return found


def _judged(block: np.ndarray) -> np.ndarray:
    """Of each frame: the share of zeros, and whether their edges are straight and steep."""
    result = np.zeros((*block.shape[:2], 2))
    for place in np.ndindex(block.shape[:2]):
        frame = np.asarray(block[place], dtype="float64")
        held = frame == 0
        result[place] = held.mean(), SMALLEST_SHARE <= held.mean() < 1 and _has_cut_edges(frame, held)
    return result


def _has_cut_edges(frame: np.ndarray, held: np.ndarray) -> bool:
    rest = np.abs(frame[~held & np.isfinite(frame)])
    if not rest.size:
        return False
    straight, jumps = 0, []
    edges = 0
    for values, mask in ((frame, held), (frame.T, held.T)):
        edge = mask[1:] != mask[:-1]
        edges += int(edge.sum())
        straight += _in_long_runs(edge)
        across = np.where(mask[1:], values[:-1], values[1:])[edge]
        jumps.append(np.abs(across[np.isfinite(across)]))
    steps: Any = np.concatenate(jumps)
    if not edges or not steps.size:
        return False
    return straight >= MOST_EDGE * edges and float(np.median(steps)) >= MOST_EDGE * float(np.median(rest))


def _in_long_runs(edge: np.ndarray) -> int:
    """How many of the marks lie in rows of `STRAIGHT` marks or more, side by side."""
    padded = np.pad(edge, ((0, 0), (1, 1))).astype(np.int8)
    steps = np.diff(padded, axis=1)
    starts, stops = np.nonzero(steps == 1), np.nonzero(steps == -1)
    lengths = stops[1] - starts[1]
    return int(lengths[lengths >= STRAIGHT].sum())
