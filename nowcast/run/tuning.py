"""The verb that searches settings, by short trainings that are judged on validation alone, never on test."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import xarray as xr

from nowcast import config, ranks
from nowcast.atomic import write_text
from nowcast.config import Settings
from nowcast.cube import label
from nowcast.description.hashing import fingerprint
from nowcast.errors import InputError, MachineError
from nowcast.plain_json import parsed
from nowcast.progress import quiet, tell
from nowcast.readers import reading
from nowcast.readers.options import given
from nowcast.run import folder
from nowcast.run.preparing.dividing import cut_all
from nowcast.run.search.space import Space, space_for, with_values
from nowcast.run.search.trials import FAILED, Trial, Yardstick, best_of, overlap, rows_of, told_of
from nowcast.run.search.trying import Search, prepared, searched
from nowcast.run.source import Sources, cubes_from, held, stem
from nowcast.sizes import bytes_of

__all__ = ["Tuned", "tune"]

SEARCH, BEST = "search.json", "best.yaml"


@dataclass(frozen=True)
class Tuned:
    """What a search came to.

    Attributes
    ----------
    best
        The trial that scored best of those that went to their end.
    best_file
        Its settings, for `nowcast fit --config`.
    by
        What trials were compared by.
    """

    folder: Path
    trials: list[Trial]
    best: Trial
    best_file: Path
    by: Yardstick

    def table(self) -> list[dict[str, Any]]:
        """A row for each trial, the best first."""
        return rows_of(self.trials, self.by)


def tune(
    source: Sources,
    *,
    run: str | os.PathLike[str] | None = None,
    config_file: str | os.PathLike[str] | None = None,
    resume: bool = False,
    variable: str | None = None,
    channel: str | int | None = None,
    options: Mapping[str, Any] | None = None,
    model: str | None = None,
    context: int | None = None,
    horizon: int | None = None,
    hidden: Sequence[int] | None = None,
    trials: int = 20,
    max_minutes: float = 30.0,
    epochs: int | None = None,
    monitor: str | None = None,
    memory: str | None = None,
    seed: int | None = None,
    progress: bool = True,
) -> Tuned:
    """Search the settings that matter for a model, by short trainings, and write the best ones for `nowcast fit`.

    A trial's score is the least validation loss over what persistence has there, or the best of what is monitored. The
    first trial has the settings that fit would choose; those after it are drawn at random, and later by how others did
    (TPE, Bergstra et al. 2011).
    A trial that does worse than the median of the others at the same point ends early. What the configuration or the
    keywords set is not searched.

    Parameters
    ----------
    source, config_file, variable, channel, options, model, context, horizon, hidden, memory
        As `nowcast.fit`.
    monitor
        As `nowcast.fit`; trials are compared by it too.
    run
        The folder to write to; None: `runs/tune-<name>-<date>-<time>`.
    resume
        Go on with the search in that folder: a trial that was killed is taken up, until there are so many `trials`.
    trials
        At most so many in all.
    max_minutes
        That all trials together may take from now on: each gets its share of what is left.
    epochs
        Of each trial, whatever time they take: a trial that is begun is finished, and the same seed finds the same.
    seed
        Of weights, order and of the values that are tried.

    Raises
    ------
    InputError
        As `nowcast.fit`; no validation part, nothing left to be searched, or not one trial that went to its end.
    MachineError
        The disk is full or may not be written; optuna is not installed.
    StoppedError
        SIGTERM or Ctrl-C came: `resume` goes on with the trial in progress.
    """
    asked = {name: value for name, value in locals().items() if name in config.FLAGS}
    asked = {**asked, **given(options), "max_minutes": None, "epochs": None}
    if find_spec("optuna") is None:
        raise MachineError("nowcast tune needs the package optuna", next_step="pip install 'nowcast[tune]'")
    for flag, value in (("--trials", trials), ("--max-minutes", max_minutes), ("--epochs", epochs)):
        if value is not None and value <= 0:
            raise InputError(f"{flag} must be above 0", found=str(value))
    ranks.require_alone("nowcast tune")
    with quiet(not progress):
        place = folder.place(run, f"tune-{stem(source)}", resume=resume)
        settings = config.resolve(place / folder.CONFIG if resume and config_file is None else config_file, asked)
        read = cubes_from(source, settings.data, options=options)
        with reading(label(read[0])):
            most = bytes_of(settings.loading.memory) // 2 // len(read)
            cubes = [held(cube, memory=most) for cube in read]
            search = _begun(place, cubes, settings) if not resume else _found(place, cubes, settings)
            found = searched(search, trials=trials, seconds=60 * max_minutes, epochs=epochs)
        return _ended(search, found)


def _begun(place: Path, cubes: list[xr.DataArray], asked: Settings) -> Search:
    """Settle what is searched, and what is the same in every trial."""
    parts = prepared(cubes, asked)
    resolved, windows = parts[0].settings, parts[0].settings.windows
    usual = int(windows.context or 1)
    contexts = [usual] if asked.windows.context is not None else _contexts(cubes, asked, usual, windows)
    longest = max(contexts) + int(windows.horizon or 1)
    fixed = {"horizon": windows.horizon, "embargo": asked.windows.embargo or longest}
    side = min(min(cube.sizes["y"], cube.sizes["x"]) for cube in cubes)
    space = space_for(asked, resolved, side=side, contexts=contexts)
    settings = asked.model_copy(update={"windows": asked.windows.model_copy(update=fixed), "data": resolved.data})
    place.mkdir(parents=True, exist_ok=True)
    folder.begin(place, _of_source(cubes), resume=False)
    write_text(place / folder.CONFIG, config.dump(settings))
    first = space.usual(resolved)
    told = {"space": space.plain(), "hidden": list(space.hidden), "usual": first, "monitor": asked.training.monitor}
    write_text(place / SEARCH, json.dumps(told, indent=2))
    return Search(place, cubes, settings, space, first)


def _found(place: Path, cubes: list[xr.DataArray], settings: Settings) -> Search:
    """The search that was begun in a folder."""
    folder.begin(place, _of_source(cubes), resume=True)
    try:
        told = parsed((place / SEARCH).read_bytes())
        space = Space.of(told["space"], told["hidden"])
        usual, begun_by = dict(told["usual"]), told.get("monitor")
    except (AttributeError, OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{place / SEARCH}: no search that could be gone on with", found=str(error)) from error
    if begun_by != settings.training.monitor:
        raise InputError(
            f"{place}: begun with another --monitor; trials cannot be compared by two",
            found=str(settings.training.monitor),
            needed=str(begun_by),
        )
    return Search(place, cubes, settings, space, usual)


def _contexts(cubes: Sequence[xr.DataArray], asked: Settings, usual: int, windows: config.Windows) -> list[int]:
    """Half as many frames as fit would give, as many, and twice as many where the data are long enough."""
    found = sorted({max(1, usual // 2), usual, 2 * usual})
    embargo = asked.windows.embargo or found[-1] + int(windows.horizon or 1)
    update = {"context": found[-1], "horizon": windows.horizon, "embargo": embargo}
    try:
        cut_all(cubes, asked.model_copy(update={"windows": asked.windows.model_copy(update=update)}))
    except InputError:
        return found[:-1]
    return found


def _of_source(cubes: Sequence[xr.DataArray]) -> dict[str, Any]:
    return {"fingerprints": [fingerprint(cube) for cube in cubes]}


def _ended(search: Search, found: list[Trial]) -> Tuned:
    """Write the best settings."""
    best = best_of(found, search.by)
    if best is None:
        failed = [trial for trial in found if trial.state == FAILED]
        raise InputError(
            f"{search.place}: none of {len(found)} trial(s) went to its end",
            found=failed[-1].why if failed else "too little time",
            next_step=f"{search.again}, with more --trials or --max-minutes",
        )
    settings = config.dump(with_values(search.settings, search.space, best.values))
    path = search.place / BEST
    write_text(path, f"# nowcast tune: trial {best.number} of {len(found)}; {told_of(best, search.by)}\n{settings}")
    seen = overlap(search.place, best, found)
    if seen:
        tell(f"beware   {seen} frame(s) of the test part of these settings were seen by trials with others")
    return Tuned(search.place, found, best, path, search.by)
