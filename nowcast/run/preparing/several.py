"""Several cubes as one training set: one quantity, one unit, one time step, each on a grid of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import xarray as xr

from nowcast.config import Settings
from nowcast.cube import grid_step, label
from nowcast.errors import InputError
from nowcast.progress import tell
from nowcast.run.preparing.bridging import bridged
from nowcast.run.preparing.dividing import cut_all, tell_events
from nowcast.run.preparing.modelling import chances, network, patch_for
from nowcast.run.preparing.prepared import Prepared, prepare
from nowcast.scaling import Scaler, Statistics
from nowcast.timeline import with_absent_frames
from nowcast.windows import Split, share_hours

__all__ = ["fingerprint", "prepare_all"]


def prepare_all(cubes: Sequence[xr.DataArray], settings: Settings) -> list[Prepared]:
    """Cut each on its own, or by events; scale all by the statistics of all training parts; windows have one shape.

    Raises
    ------
    InputError
        As `prepare`; weights for another number of cubes.
    """
    weights = settings.sampling.weights
    if weights is not None and len(weights) != len(cubes):
        raise InputError("--weights are one for each cube", found=f"{len(weights)}", needed=f"{len(cubes)}")
    if len(cubes) == 1:
        return [prepare(cubes[0], settings)]
    most = patch_for(network(settings, cubes[0]))
    side = min(most, *(min(cube.sizes["y"], cube.sizes["x"]) for cube in cubes))
    windows = settings.windows.model_copy(update={"patch": settings.windows.patch or side})
    told = settings.model_copy(update={"windows": windows})
    context, horizon, splits = _divided(cubes, told)
    tell_events(splits)
    parts: list[Prepared] = []
    for number, (cube, split) in enumerate(zip(cubes, splits, strict=True), 1):
        tell(f"cube {number}   {label(cube)}{_told_grid(cubes[0], cube)}")
        parts.append(
            prepare(
                cube, told, divided=(context, horizon, split), taught=next((p for p in parts if p.split.training), None)
            )
        )
        settled = parts[0].settings
        told = told.model_copy(
            update={
                "windows": windows.model_copy(update={"context": context, "horizon": horizon}),
                "scaling": settled.scaling,
                "model": settled.model,
            }
        )
    shapes = {part.patch for part in parts}
    if len(shapes) > 1:
        raise InputError(
            "patches of one shape do not fit into all cubes",
            found=", ".join(f"{y} x {x}" for y, x in sorted(shapes)),
            next_step=f"--patch {side}",
        )
    first = parts[0]
    learnt = [part for part in parts if part.split.training]
    together = Statistics.together([part.statistics for part in learnt])
    scaler = Scaler.fit(first.cube, method=first.scaler.method, statistics=together)
    if len(learnt) > 1:
        tell(
            f"scaling  of all {len(learnt)} cubes: {scaler.method}, by the statistics of their training parts together"
        )
    masked = any(part.masked for part in parts)
    told_of = chances(first.cube, together, scaler, settings.scores.thresholds) if first.chances else {}
    # each file may name the quantity in its own way: what is asked for again is what was asked for
    told = first.settings.model_copy(update={"data": settings.data})
    return [replace(part, scaler=scaler, masked=masked, settings=told, chances=told_of) for part in parts]


def fingerprint(parts: Sequence[Prepared]) -> dict[str, Any]:
    """Plain data that is the same when a run is taken up again with the same files and settings."""
    others = {"others": [part.fingerprint() for part in parts[1:]]} if len(parts) > 1 else {}
    return parts[0].fingerprint() | others


def _divided(cubes: Sequence[xr.DataArray], settings: Settings) -> tuple[int, int, list[Split]]:
    """Of the cubes as they are cut: with absent frames in their short gaps, if those are to be bridged."""

    def chosen(_: xr.DataArray) -> int:
        most = settings.windows.max_missing or 1
        return cut_all([with_absent_frames(cube, most=most) for cube in cubes], settings)[0]

    told, joined = settings, []
    for cube in cubes:
        bridge, told = bridged(cube, told, context_of=chosen)
        joined.append(bridge)
    context, horizon, splits = cut_all(joined, told)
    if share_hours(joined, splits):
        tell("beware   cubes share times: training and test may hold the same hours at other places")
    return context, horizon, splits


def _told_grid(first: xr.DataArray, cube: xr.DataArray) -> str:
    steps = [grid_step(each) for each in (first, cube)]
    if cube is first or steps[0] is None or steps[1] is None or steps[0] == steps[1]:
        return ""
    ours, theirs = (f"{step['y']:g} x {step['x']:g} {step['units'] or ''}".strip() for step in steps if step)
    return f": pixels of {theirs}, the first has {ours}; patches are not resampled"
