"""The trials of a search, one after another: what is tried, when one ends early, and where a killed one goes on."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import xarray as xr

from nowcast import config
from nowcast.config import Settings
from nowcast.errors import InputError
from nowcast.progress import bar, quiet, tell
from nowcast.run import folder
from nowcast.run.folder.circumstances import Durations
from nowcast.run.learning.objective import settled
from nowcast.run.learning.training import learn
from nowcast.run.preparing.prepared import Prepared
from nowcast.run.preparing.several import prepare_all
from nowcast.run.search.space import Space, with_values
from nowcast.run.search.trials import (
    BEGUN,
    DONE,
    FAILED,
    PRUNED,
    Trial,
    Yardstick,
    best_of,
    told_of,
    trials_in,
    write_table,
)

if TYPE_CHECKING:
    import optuna

__all__ = ["Search", "prepared", "searched"]

TABLE, CHECKPOINTS = "trials.csv", "checkpoints"

AT_RANDOM = 5
"""Trials before values are drawn by how others did."""

UNPRUNED, UNPRUNED_MARKS = 4, 2
"""Trials that go to their end whatever their score, and eighths of each training before it may end early."""


@dataclass(frozen=True)
class Search:
    """All that trials have in common."""

    place: Path
    cubes: list[xr.DataArray]
    settings: Settings
    space: Space
    usual: dict[str, Any]

    @property
    def by(self) -> Yardstick:
        """What trials are compared by."""
        from nowcast.training import asked_for

        asked = self.settings.training.monitor
        return Yardstick(asked, asked is not None and asked_for(asked).higher)

    @property
    def again(self) -> str:
        """How to go on with it, for messages."""
        return f"nowcast tune ... --resume --run {self.place}"


def prepared(cubes: list[xr.DataArray], settings: Settings) -> list[Prepared]:
    parts = settled(prepare_all(cubes, settings))
    if not any("validation" in part.plans for part in parts):
        raise InputError(
            "settings are compared on the validation part, and there is none",
            found=f"fractions {settings.windows.fractions}",
            next_step="--config with windows.fractions such as [0.7, 0.15, 0.15]",
        )
    return parts


def searched(search: Search, *, trials: int, seconds: float, epochs: int | None) -> list[Trial]:
    """Trials until there are enough, or the time is over; those that are there already count."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    pruner = optuna.pruners.MedianPruner(n_startup_trials=UNPRUNED, n_warmup_steps=UNPRUNED_MARKS)
    study = optuna.create_study(direction="maximize" if search.by.higher else "minimize", pruner=pruner)
    found = trials_in(search.place)
    for trial in found:
        if trial.state == BEGUN:
            study.enqueue_trial(trial.values)
            tell(f"trial {trial.number}  is taken up again")
        else:
            study.add_trial(_remembered(trial, search.space))
    if not found:
        study.enqueue_trial(search.usual)
    tell(f"search   {', '.join(search.space.values)}; up to {trials} trials in {seconds / 60:g} min (--trials)")
    end = time.monotonic() + seconds
    with bar("tune", total=trials) as line:
        while sum(trial.state != BEGUN for trial in found) < trials and time.monotonic() < end:
            left = trials - sum(trial.state != BEGUN for trial in found)
            minutes = None if epochs else max(0.05, (end - time.monotonic()) / left / 60)
            number = next((trial.number for trial in found if trial.state == BEGUN), len(found))
            study.sampler = optuna.samplers.TPESampler(
                seed=search.settings.training.seed + number, n_startup_trials=AT_RANDOM
            )
            asked = study.ask()
            values = search.space.suggested(asked)
            if asked.number == len(found):
                found.append(Trial(asked.number, values))
            trial = found[asked.number]
            _tried(search, trial, asked, epochs=epochs, minutes=minutes)
            study.tell(asked, *_ending(trial))
            write_table(found, search.place / TABLE, search.by)
            best = best_of(found, search.by)
            line.to(len(found), trials, "" if best is None else f"best: {told_of(best, search.by)}")
            tell(told_of(trial, search.by))
    return found


def _tried(search: Search, trial: Trial, asked: optuna.Trial, *, epochs: int | None, minutes: float | None) -> None:
    """Train with the values of a trial, as far as it is worth it, and write down what came of it."""
    from nowcast.training import MARKS, Judged

    place, start = trial.folder(search.place), time.monotonic()
    for mark, score in trial.marks.items():
        asked.report(score, int(mark))
    trial.keep(search.place)
    pruned = bool(trial.marks) and asked.should_prune()

    def judge(mark: int, best: float) -> bool:
        nonlocal pruned
        if str(mark) not in trial.marks:
            trial.marks[str(mark)] = best
            asked.report(best, mark)
            trial.keep(search.place)
        pruned = mark < MARKS and asked.should_prune()
        return not pruned

    again = any((place / CHECKPOINTS).glob("*.ckpt"))
    settings = config.resolve(place / folder.CONFIG) if again else _short(search, trial, epochs, minutes)
    if not pruned and not _is_over(place, settings):
        try:
            with quiet():
                parts = prepared(search.cubes, settings)
                watch = [Judged(judge, score=search.by.score, higher=search.by.higher)]
                learn(parts, place, resume=again, durations=Durations(), also=watch, again=search.again)
        except InputError as error:
            trial.why = error.what
    rows = folder.history(place)
    trial.score = search.by.best(rows)
    trial.why = trial.why or ("" if trial.score is not None else _without_score(rows))
    trial.state = FAILED if trial.why else PRUNED if pruned else DONE
    trial.epochs, trial.seconds = len(rows), trial.seconds + time.monotonic() - start
    trial.keep(search.place)
    shutil.rmtree(place / CHECKPOINTS, ignore_errors=True)


def _without_score(rows: Sequence[dict[str, Any]]) -> str:
    if rows and all(row.get("persistence") == 0 for row in rows):
        return (
            "nothing changes in the validation part: persistence has no error there, to which others could be compared"
        )
    return "no validation loss that is finite"


def _short(search: Search, trial: Trial, epochs: int | None, minutes: float | None) -> Settings:
    """The settings of a trial, which takes no more than its share."""
    settings = with_values(search.settings, search.space, trial.values)
    told = {"epochs": epochs, "max_minutes": minutes, "log": None}
    return settings.model_copy(update={"training": settings.training.model_copy(update=told)})


def _is_over(place: Path, settings: Settings) -> bool:
    """Whether a trial that was killed had all its epochs."""
    rows = folder.history(place)
    return bool(rows) and settings.training.epochs is not None and rows[-1].get("epoch", 0) >= settings.training.epochs


def _remembered(trial: Trial, space: Space) -> optuna.trial.FrozenTrial:
    """A trial of before, as optuna knows it."""
    import optuna

    marks = {int(mark): score for mark, score in trial.marks.items()}
    value, state = _ending(trial)
    return optuna.trial.create_trial(
        state=state or optuna.trial.TrialState.COMPLETE,
        value=marks[max(marks)] if trial.state == PRUNED and marks else value,
        params=trial.values,
        distributions=space.distributions(),
        intermediate_values=marks,
    )


def _ending(trial: Trial) -> tuple[float | None, optuna.trial.TrialState | None]:
    """What optuna is told of a trial: its score, or that it has none."""
    from optuna.trial import TrialState

    if trial.state == DONE:
        return trial.score, None
    return None, TrialState.PRUNED if trial.state == PRUNED else TrialState.FAIL
