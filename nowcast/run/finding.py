"""Which model forecasts a cube: the one that is named, or that of the newest run that fits."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import xarray as xr

from nowcast import model_file
from nowcast.cube import label
from nowcast.errors import InputError, UnsafeError
from nowcast.progress import quiet
from nowcast.run.folder import MODEL, RUNS, require_own
from nowcast.units import conversion, in_units

__all__ = ["as_trained", "find_model", "find_model_for"]


def find_model(run: str | os.PathLike[str] | None, cube: xr.DataArray) -> Path:
    """As `find_model_for`, for a cube that is read already."""
    return find_model_for(run, lambda _: cube)[0]


def find_model_for(
    run: str | os.PathLike[str] | None, read_for: Callable[[model_file.Card], xr.DataArray]
) -> tuple[Path, model_file.Card]:
    """The model file of a run folder, the file itself, or that of the newest run under `runs/` that fits the cube.

    Runs that fit as they are come before those that do once rain is in their units.

    Parameters
    ----------
    read_for
        The cube, read as a model's card remembers that its training files were.

    Returns
    -------
    tuple
        The file, and its card.

    Raises
    ------
    InputError
        None is there, or none fits; what does not fit is told.
    """
    if run is not None:
        path = Path(run)
        if path.is_dir():
            require_own(path)
            path = path / MODEL
        return path, model_file.load_card(path)
    found = sorted(RUNS.glob(f"*/{MODEL}"), key=lambda path: path.stat().st_mtime, reverse=True)
    if not found:
        raise InputError(
            f"no trained model under {RUNS.resolve()}",
            next_step="train one: nowcast fit PATH, or name one: --run DIR or --run FILE",
        )
    misfits, unread, what = [], [], "these files"
    convertible: list[tuple[Path, model_file.Card]] = []
    for path in found:
        try:
            require_own(path.parent)
            card = model_file.load_card(path)
        except (InputError, UnsafeError) as error:
            misfits.append(str(error))
            continue
        try:
            cube = read_for(card)
        except InputError as error:
            unread.append(error)
            continue
        what = label(cube)
        wrong = model_file.mismatches(card, cube)
        if not wrong:
            return path, card
        with quiet():
            brought = as_trained(card, cube)
        if not model_file.mismatches(card, brought):
            convertible.append((path, card))
        misfits.append(f"{path} wants " + ", ".join(f"{name} {want} (has {has})" for name, want, has in wrong))
    if convertible:
        return convertible[0]
    if unread and not misfits:
        raise unread[0]
    raise InputError(
        f"none of the {len(found)} run(s) under {RUNS.resolve()} was trained for {what}; no forecast was made",
        found="\n          ".join(misfits[:5]),
        next_step="train on such files: nowcast fit PATH, or name a model: --run DIR",
    )


def as_trained(card: model_file.Card, cube: xr.DataArray) -> xr.DataArray:
    """The cube in the units that a model was trained in, and then under its name; as it is without a formula for that.

    What is converted is told.
    """
    if conversion(cube, card.units) is None:
        return cube
    return in_units(cube, name=card.variable, units=card.units)
