"""Whether a cube is one that a model was made for: what its card wants beside what the cube has."""

from __future__ import annotations

import os
from typing import Any

import xarray as xr

from nowcast.cube import grid_step, label, time_step
from nowcast.errors import InputError
from nowcast.model_file.card import Card

__all__ = ["mismatches", "require"]

GRID_TOLERANCE = 0.01
METRES = {"m": 1.0, "metre": 1.0, "meter": 1.0, "metres": 1.0, "meters": 1.0, "km": 1000.0, "kilometre": 1000.0}


def require(card: Card, cube: xr.DataArray, *, path: str | os.PathLike[str]) -> None:
    """Refuse a cube that the model was not made for.

    Raises
    ------
    InputError
        A table of what the model wants and what the cube has, for what does not match.
    """
    wrong = mismatches(card, cube)
    if wrong:
        width = max(len(name) for name, _, _ in wrong)
        rows = "\n".join(f"    {name:<{width}}  model wants {want}; cube has {has}" for name, want, has in wrong)
        raise InputError(
            f"{path} was not trained for {label(cube)}; no forecast was made\n{rows}",
            next_step="choose another --run or another --variable, or train on such files: nowcast fit PATH",
        )


def mismatches(card: Card, cube: xr.DataArray) -> list[tuple[str, str, str]]:
    """What does not fit: (name, what the model wants, what the cube has)."""
    step = time_step(cube)
    grid = grid_step(cube)
    rows = [
        ("variable", card.variable, str(cube.name), card.variable == str(cube.name)),
        ("units", str(card.units), str(cube.attrs.get("units")), card.units == cube.attrs.get("units")),
        ("channels", str(card.channels), str(cube.sizes["channel"]), card.channels == cube.sizes["channel"]),
        (
            "time step",
            f"{card.time_step_seconds:g} s",
            "one frame" if step is None else f"{step:g} s",
            # One frame has no step: a model with a context of one can still forecast from it.
            step is None or abs(step - card.time_step_seconds) <= 0.01 * card.time_step_seconds,
        ),
        (
            "grid step",
            _grid_text(card.grid_step, beside=grid),
            _grid_text(grid, beside=card.grid_step),
            any(_same_grid(each, grid) for each in [card.grid_step, *card.other_grids]),
        ),
    ]
    return [(name, want, has) for name, want, has, good in rows if not good]


def _same_grid(one: dict[str, Any] | None, other: dict[str, Any] | None) -> bool:
    if one is None or other is None:
        return one is other
    if any(one[way] != other[way] for way in ("y_rises", "x_rises")):
        return False
    lengths = [METRES.get(str(grid["units"])) for grid in (one, other)]
    if lengths[0] is None or lengths[1] is None:
        if one["units"] != other["units"]:
            return False
        lengths = [1.0, 1.0]
    scale = float(lengths[1] or 1.0) / float(lengths[0] or 1.0)
    return all(abs(other[axis] * scale - one[axis]) <= GRID_TOLERANCE * one[axis] for axis in ("y", "x"))


def _grid_text(grid: dict[str, Any] | None, *, beside: dict[str, Any] | None) -> str:
    if grid is None:
        return "none"
    text = f"{grid['y']:g} x {grid['x']:g} {grid['units'] or '(no units)'}"
    turned = [axis for axis in ("y", "x") if beside is not None and grid[f"{axis}_rises"] != beside[f"{axis}_rises"]]
    return ", ".join([text, *(f"{axis} {'rising' if grid[f'{axis}_rises'] else 'falling'}" for axis in turned)])
