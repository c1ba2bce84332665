"""What a cube holds, in plain data: what `nowcast inspect` tells before anything is done with it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import dask
import numpy as np
import xarray as xr

from nowcast.cube import (
    check,
    gaps,
    grid_mapping,
    grid_step,
    is_categorical,
    is_counted,
    iso,
    sequence_of,
    source_dims,
    thinned,
    time_step,
)
from nowcast.description.blocks import suspicious_blocks

__all__ = ["Description", "describe"]

SPARSE = 0.05
"""Share of known pixels below which a cube is said to be mostly missing."""

QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 0.999)


@dataclass(frozen=True)
class Description:
    """What `nowcast inspect` tells of a cube; plain data, one JSON object by `asdict`."""

    variable: str
    units: str | None
    long_name: str | None
    dims: list[str]
    shape: list[int]
    dtype: str
    time_start: str
    time_end: str
    time_step_seconds: float | None
    gaps: list[dict[str, Any]]
    sequences: int
    missing_fraction: float
    min: float | None
    max: float | None
    zero_fraction: float
    quantiles: dict[str, float]
    crs: str | None
    pixel_size: dict[str, Any] | None
    chunks: dict[str, int] | None
    bytes: int
    warnings: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def describe(cube: xr.DataArray) -> Description:
    """Read the whole cube once and tell what it is; values that are not finite count as missing.

    Raises
    ------
    InputError
        What `check` refuses.
    """
    check(cube)
    known = cube.copy(data=np.isfinite(cube.data))
    floating = cube.dtype.kind == "f"
    frame_valid, lowest, highest, zeros, sample = dask.compute(
        known.sum(("channel", "y", "x")).data,
        (cube.where(known, np.inf) if floating else cube).min().data,
        (cube.where(known, -np.inf) if floating else cube).max().data,
        (cube == 0).sum().data,
        thinned(cube).data,
    )
    count = int(np.sum(frame_valid))
    sample = np.asarray(sample, dtype=float).ravel()
    sample = sample[np.isfinite(sample)]
    quantiles = (
        dict(zip(map(str, QUANTILES), np.quantile(sample, QUANTILES).tolist(), strict=True)) if len(sample) else {}
    )
    mapping = grid_mapping(cube)
    chunks = {name: int(sizes[0]) for name, sizes in zip(cube.dims, cube.chunks, strict=True)} if cube.chunks else None
    names = source_dims(cube)
    time = cube["time"].values
    return Description(
        variable=str(cube.name),
        units=cube.attrs.get("units"),
        long_name=cube.attrs.get("long_name") or cube.attrs.get("standard_name"),
        dims=[names.get(str(name), str(name)) for name in cube.dims],
        shape=list(cube.shape),
        dtype=str(cube.dtype),
        time_start=iso(time[0]),
        time_end=iso(time[-1]),
        time_step_seconds=time_step(cube),
        gaps=[asdict(gap) for gap in gaps(cube)],
        sequences=len(np.unique(sequence_of(cube))),
        missing_fraction=1 - count / cube.size,
        min=float(lowest) if count else None,
        max=float(highest) if count else None,
        zero_fraction=float(zeros) / max(count, 1),
        quantiles=quantiles,
        crs=str(mapping.attrs.get("grid_mapping_name", mapping.name)) if mapping is not None else None,
        pixel_size=grid_step(cube),
        chunks={str(name): size for name, size in chunks.items()} if chunks else None,
        bytes=int(cube.nbytes),
        warnings=_warnings(cube, np.asarray(frame_valid), float(lowest), float(highest)),
    )


def _warnings(cube: xr.DataArray, frame_valid: np.ndarray, lowest: float, highest: float) -> list[str]:
    found = []
    time = cube["time"].values
    empty = np.flatnonzero(frame_valid == 0)
    if len(empty):
        found.append(f"{len(empty)} frame(s) hold no value at all, the first {iso(time[empty[0]])}")
    if len(empty) < len(frame_valid) and lowest == highest:
        found.append(f"every value is {lowest:g}: nothing moves, nothing can be learnt")
    if not cube.attrs.get("units"):
        found.append("no units are stated: scores and thresholds will be in unnamed units")
    absent = cube.attrs.get("absent_chunks")
    if absent:
        found.append(f"absent chunks: {absent}" + ("" if "missing" in absent else ", read as the store's fill value"))
    if cube.sizes["time"] == 1:
        found.append("one frame only: nothing to learn from and no motion to follow")
    if grid_step(cube) is None:
        found.append("y and x have no regular coordinates: the grid step is unknown")
    if not is_categorical(cube) and lowest <= 0 <= highest and cube.sizes["time"] > 1:
        found += suspicious_blocks(cube)
    if 0 < np.sum(frame_valid) < SPARSE * cube.size:
        found.append(f"{1 - np.sum(frame_valid) / cube.size:.1%} of all pixels are missing")
    if is_categorical(cube):
        found.append("these are classes: fit forecasts where the field is one of them, by --classes 7,8")
    if is_counted(cube["time"]):
        found.append("the files tell only the time step: times count from 1970-01-01, the first frame")
    return found
