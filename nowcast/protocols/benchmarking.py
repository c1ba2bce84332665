"""A protocol is run: hashes are checked, forecasters measured one after the other, and one result comes out."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from nowcast.cube import is_counted, label, time_step
from nowcast.description.hashing import content_hash, plain_hash
from nowcast.errors import InputError
from nowcast.progress import bar, quiet, tell
from nowcast.protocols.cutting import Test, cut
from nowcast.protocols.forecasters import Maker, fitted, of_baseline, of_model
from nowcast.protocols.loading import load
from nowcast.protocols.opening import chosen, open_data
from nowcast.protocols.results import assembled, circumstances, definitions, summary
from nowcast.protocols.schema import Budget, Protocol
from nowcast.protocols.scoring import Tally
from nowcast.readers import reading
from nowcast.run.source import span

__all__ = ["benchmark"]

AT_ONCE = 4_000_000
"""Pixels of forecasts that are made and measured at a time."""


def benchmark(
    protocol: str | os.PathLike[str],
    *,
    data: str | os.PathLike[str] | None = None,
    runs: Sequence[str | os.PathLike[str]] = (),
    max_minutes: float | None = None,
    progress: bool = True,
) -> dict[str, Any]:
    """Run a protocol: its baselines, models of its recipes, and trained models.

    Parameters
    ----------
    protocol
        A name in `SHIPPED`, or a YAML file.
    data
        Where its data lie; None: where the protocol says.
    runs
        Folders of runs, or model files, to be measured beside them.
    max_minutes
        Of each training, in place of the protocol's budget.

    Returns
    -------
    dict
        Plain data. `same`, which must be equal on every machine, to six digits: the protocol as it is written and its
        hash, hashes of data and split, definitions, seeds, scores by forecaster; `same_sha256`; `differs`: versions,
        hardware, seconds, all defaults, and the scores of what was fitted here, for no two machines train to the same
        weights.

    Raises
    ------
    InputError
        A protocol that is none; data, a split or a model that is not what the protocol says.
    UnsafeError
        A protocol that asks for objects, or whose paths lead out of its folder.
    MachineError
        A package that the data need is lacking.
    """
    began = time.monotonic()
    with quiet(not progress):
        told, place = load(protocol)
        given = None if data is None else Path(data).expanduser()
        told, place = chosen(told, place, given)
        if max_minutes is not None and not told.models:
            raise InputError(
                f"--max-minutes: protocol {told.name} fits no model",
                next_step="leave it out, and give trained models: --run DIR",
            )
        tell(f"protocol {told.name}: {told.description}")
        cube = open_data(told.data, place, given)
        tell(f"read     {span(cube)}")
        test = cut(cube, told)
        checked = _checked(told, cube, test)
        budget = told.budget if max_minutes is None else Budget(max_minutes=max_minutes)
        makers: list[tuple[str, dict[str, Any] | None, Maker]] = []
        makers += [(name, None, of_baseline(name, told)) for name in told.baselines]
        makers += [of_model(run, cube, told) for run in runs]
        _tell_seen(makers, cube, test)
        scores: dict[str, Any] = {}
        seconds: dict[str, float] = {}
        for name, _, make in makers:
            scores[name], seconds[name] = _measured(name, make, cube, test, told)
        trained = _trained(cube, test, told, budget)
    said = told.model_dump(mode="json", exclude_unset=True)
    same = {
        "protocol": said,
        "protocol_sha256": plain_hash(said),
        **checked,
        "metrics": definitions(told.metrics),
        "seeds": list(told.seeds),
        "lead_seconds": [(lead + 1) * (time_step(cube) or 0.0) for lead in range(told.windows.horizon)],
        "models": {name: what for name, what, _ in makers if what is not None},
        "scores": scores,
    }
    differs = {
        **circumstances(),
        "protocol_with_defaults": told.model_dump(mode="json"),
        "data_from": None if data is None else os.fspath(data),
        "fitted": trained,
        "seconds": {name: round(spent, 2) for name, spent in seconds.items()},
        "seconds_in_all": round(time.monotonic() - began, 2),
    }
    return assembled(same, differs)


def _checked(protocol: Protocol, cube: xr.DataArray, test: Test) -> dict[str, Any]:
    """Hashes of data and split, which are those that the protocol states.

    Raises
    ------
    InputError
        One is another.
    """
    data: dict[str, Any] = {}
    frames = {"sha256": test.frames}
    if protocol.models:
        frames["training_sha256"] = test.learnt_from
    for key, places in frames.items():
        found = content_hash(cube if len(places) == cube.sizes["time"] else cube.isel(time=places))
        _require(f"data.{key}", getattr(protocol.data, key), found, label(cube))
        data[key] = found
    data |= {"frames": len(test.frames), "shape": list(cube.shape[1:]), "units": cube.attrs.get("units")}
    data["locked"] = protocol.data.sha256 is not None
    split: dict[str, Any] = {
        "sha256": test.hash(),
        "starting_times": len(test.references),
        "sequences_or_runs": len(test.runs),
    }
    _require("split.sha256", protocol.split.sha256, split["sha256"], label(cube))
    split["locked"] = protocol.split.sha256 is not None
    tell(f"test     {len(test.references)} starting times, {len(test.frames)} frames in {len(test.runs)} run(s)")
    return {"data": data, "split": split}


def _require(key: str, needed: str | None, found: str, where: str) -> None:
    if needed is None:
        tell(f"unlocked {key}: {found}  (put this into the protocol to lock it)")
    elif needed != found:
        raise InputError(
            f"{where}: {key} is not the one that the protocol is locked to; nothing was scored",
            found=found,
            needed=needed,
            next_step="get the very data of the protocol; for other data, write one with a name of its own",
        )
    else:
        tell(f"locked   {key}: {found[:16]}, as the protocol says")


def _tell_seen(makers: Sequence[tuple[str, dict[str, Any] | None, Maker]], cube: xr.DataArray, test: Test) -> None:
    """Which trained models learnt from times within the test; frames that are only counted have no times to tell by."""
    if is_counted(cube["time"]):
        return
    tested = cube["time"].values[test.frames]
    for name, what, _ in makers:
        if what is None or not what["trained_first"] or not what["trained_last"]:
            continue
        first, last = (np.datetime64(what[key]) for key in ("trained_first", "trained_last"))
        if ((tested >= first) & (tested <= last)).any():
            tell(f"beware   {name} was trained on times of the test: {what['trained_first']} to {what['trained_last']}")


def _measured(
    name: str, make: Maker, cube: xr.DataArray, test: Test, protocol: Protocol
) -> tuple[dict[str, Any], float]:
    began = time.monotonic()
    tally = Tally(protocol)
    with bar(name, total=len(test.references)) as line:
        done = 0
        for frames, references in _batches(cube, test, protocol):
            tally.add(make(frames, references), frames)
            done += len(references)
            line.to(done)
    return summary(tally.scores(), tally.pixels()), time.monotonic() - began


def _batches(cube: xr.DataArray, test: Test, protocol: Protocol) -> Iterator[tuple[xr.DataArray, list[int]]]:
    """Frames in memory around some starting times, and where along them these lie."""
    context, horizon = protocol.windows.context, protocol.windows.horizon
    count = max(1, AT_ONCE // (horizon * cube[0].size))
    for first in range(0, len(test.references), count):
        picked = np.array(test.references[first : first + count])
        needed = np.unique((picked[:, None] + np.arange(1 - context, horizon + 1)).ravel())
        with reading(label(cube)):
            frames = cube.isel(time=needed).compute()
        yield frames, np.searchsorted(needed, picked).tolist()


def _trained(cube: xr.DataArray, test: Test, protocol: Protocol, budget: Budget) -> dict[str, Any]:
    """Each recipe, fitted for each seed and measured."""
    found: dict[str, Any] = {}
    for name, recipe in protocol.models.items():
        for seed in protocol.seeds:
            began = time.monotonic()
            title = f"{name} seed {seed}"
            tell(f"fit      {title}")
            place = fitted(cube, test, protocol, name, recipe, seed=seed, budget=budget)
            minutes = (time.monotonic() - began) / 60
            _, what, make = of_model(place, cube, protocol)
            scores, seconds = _measured(title, make, cube, test, protocol)
            found[title] = {
                **scores,
                "run": str(place),
                "model": what,
                "budget": budget.model_dump(exclude_none=True),
                "minutes": round(minutes, 2),
                "seconds": round(seconds, 2),
            }
    return found
