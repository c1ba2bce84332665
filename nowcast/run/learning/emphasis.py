"""What `--events` and `--augment` make of the training windows, told and recorded in the run's folder."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import xarray as xr

from nowcast.cube import time_step
from nowcast.progress import bar, tell
from nowcast.readers import reading
from nowcast.run import folder
from nowcast.run.preparing.prepared import Prepared
from nowcast.sampling import STATISTICS, EventIndex, choose, draw, event_index, probabilities, symmetries
from nowcast.sampling.statistics import prepared as statistic_for
from nowcast.sizes import bytes_of
from nowcast.tensors.augmenting import Augmentation
from nowcast.writers import write_dataset

__all__ = ["drawn_by", "turned"]


def drawn_by(parts: Sequence[Prepared], place: Path) -> Callable[[int], np.ndarray] | None:
    """The training windows of an epoch, by its number, drawn by what happens in them and by the cubes' weights.

    None: all of them. One pass over each training part tells how much happens; `events.nc` in the run's folder keeps
    importance and probability of each window, and is read back when the run is taken up again.

    Raises
    ------
    InputError
        A file that cannot be read.
    """
    wanted = parts[0].settings.sampling
    if wanted.events in (None, "none") and wanted.weights is None:
        return None
    learnt = [(number, part) for number, part in enumerate(parts, 1) if "training" in part.plans]
    chances = [
        np.ones(len(part.plans["training"])) if wanted.events in (None, "none") else _by_events(part, place, number)
        for number, part in learnt
    ]
    if wanted.weights is not None:
        chances = _weighted(chances, [wanted.weights[number - 1] for number, _ in learnt])
    together = np.concatenate(chances)
    together *= max(1, int(together.sum() + 1e-6)) / together.sum()
    seed = parts[0].settings.training.seed
    return lambda epoch: draw(together, seed=seed, epoch=epoch)


def turned(parts: Sequence[Prepared]) -> Augmentation | None:
    """How training windows are turned and mirrored, as all the cubes allow; None: not at all.

    Raises
    ------
    InputError
        What is asked for has no meaning on a grid.
    """
    asked = parts[0].settings.training.augment or "none"
    each = [symmetries(part.cube, part.patch, asked) for part in parts if "training" in part.plans]
    allowed = [symmetry for symmetry in each[0] if all(symmetry in other for other in each)]
    if len(allowed) < 2:
        if asked != "none":
            tell("augment  not on this grid: windows are shown as they stand")
        return None
    mirrored = any(symmetry.mirrored for symmetry in allowed)
    tell(f"augment  training windows in {len(allowed)} positions{'' if mirrored else ', none of them a mirror image'}")
    return Augmentation(allowed, seed=parts[0].settings.training.seed)


def _weighted(chances: list[np.ndarray], weights: Sequence[float]) -> list[np.ndarray]:
    """So that the cubes' windows in an epoch are in the proportion of the weights, with no chance above one."""
    factors = [weight / each.sum() for weight, each in zip(weights, chances, strict=True)]
    most = max(factor * each.max() for factor, each in zip(factors, chances, strict=True))
    drawn = [each * factor / most for each, factor in zip(chances, factors, strict=True)]
    told = ", ".join(f"{each.sum():.0f} of {len(each)}" for each in drawn)
    tell(f"weights  windows an epoch of each cube: {told}")
    return drawn


def _by_events(prepared: Prepared, place: Path, number: int) -> np.ndarray:
    wanted = prepared.settings.sampling
    name = choose(prepared.cube) if wanted.events in (None, "auto") else wanted.events
    kept = place / folder.numbered(folder.EVENTS, number)
    table = _kept(kept, prepared, name)
    if table is None:
        table = _judged(prepared, name)
        write_dataset(table, kept)
    _tell(name, table)
    chances: np.ndarray = table["probability"].values.ravel().astype(float)
    return chances


def _judged(prepared: Prepared, name: str) -> xr.Dataset:
    cube, plan, wanted = prepared.cube, prepared.plans["training"], prepared.settings.sampling
    statistic, parameters = statistic_for(name, cube.isel(time=prepared.split.frames("training")))
    memory = bytes_of(prepared.settings.loading.memory) // 4  # as the loader's blocks, which are not held yet
    with bar("events") as line:
        index = event_index(cube, plan, statistic, memory=memory, progress=line.to)
    chances = probabilities(index, floor=wanted.floor, share=wanted.share).reshape(index.importance.shape)
    corners = np.array(plan.corners)
    return xr.Dataset(
        {
            "importance": (("start", "corner"), index.importance, {"long_name": STATISTICS[name]}),
            "probability": (
                ("start", "corner"),
                chances,
                {"long_name": "of being in an epoch", "units": "1"},
            ),
            "first_row": ("corner", corners[:, 0]),
            "first_column": ("corner", corners[:, 1]),
        },
        coords={"start": ("start", np.array(plan.starts), {"long_name": "first frame, counted along time"})},
        attrs={
            "statistic": name,
            "parameters": json.dumps(parameters),
            "floor": wanted.floor,
            "share": wanted.share,
            "time_step_seconds": time_step(cube) or 0.0,
        },
    )


def _kept(path: Path, prepared: Prepared, name: str) -> xr.Dataset | None:
    """What the run found before, if it is of the same windows and asked in the same way."""
    if not path.is_file():
        return None
    with reading(str(path)):
        table = xr.load_dataset(path)
    plan, wanted = prepared.plans["training"], prepared.settings.sampling
    corners = np.stack([table["first_row"].values, table["first_column"].values], axis=1)
    same = np.array_equal(table["start"].values, plan.starts) and np.array_equal(corners, plan.corners)
    told = (table.attrs["statistic"], float(table.attrs["floor"]), float(table.attrs["share"]))
    if same and told == (name, wanted.floor, wanted.share):
        return table
    tell(f"events   {path.name} is of other windows or settings: the training part is looked at again")
    return None


def _tell(name: str, table: xr.Dataset) -> None:
    index = EventIndex(table["importance"].values, table["probability"].values > 0)
    chances = table["probability"].values[index.observed]
    order = np.argsort(index.importance[index.observed], kind="stable")
    tenth = max(1, len(order) // 10)
    most, least = chances[order[-tenth:]].mean(), chances[order[:tenth]].mean()
    tell(
        f"events   {name}: {round(chances.sum())} of {index.observed.size} windows an epoch; the tenth in which most "
        f"happens is seen {most / least:.1f} times as often as the dullest (validation and test are not weighted)"
    )
