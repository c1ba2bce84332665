"""Trials of a search: a folder each, which tells its values, how it scored as it went, and how it ended, as JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from nowcast.atomic import replacing, write_text
from nowcast.errors import InputError
from nowcast.plain_json import parsed

__all__ = [
    "BEGUN",
    "DONE",
    "FAILED",
    "PRUNED",
    "Trial",
    "Yardstick",
    "best_of",
    "overlap",
    "rows_of",
    "told_of",
    "trials_in",
    "write_table",
]

TRIALS = "trials"
TOLD = "trial.json"

BEGUN, DONE, PRUNED, FAILED = "begun", "done", "pruned", "failed"


@dataclass(frozen=True)
class Yardstick:
    """What trials are compared by, on the validation part.

    Attributes
    ----------
    monitor
        A score as it was asked for; None: the loss over what persistence has there.
    higher
        Whether more is better.
    """

    monitor: str | None = None
    higher: bool = False

    def __str__(self) -> str:
        return "validation loss over persistence's" if self.monitor is None else f"{self.monitor} on validation"

    def score(self, row: Mapping[str, float]) -> float:
        """Of an epoch's figures; NaN where they say nothing."""
        if self.monitor is not None:
            return row.get(self.monitor, math.nan)
        persistence = row.get("persistence")
        return row.get("validation", math.nan) / persistence if persistence else math.nan

    def best(self, rows: Sequence[Mapping[str, float]]) -> float | None:
        """Of a training's epochs."""
        scores = [score for score in map(self.score, rows) if math.isfinite(score)]
        return (max if self.higher else min)(scores, default=None)

    def rank(self, trial: Trial) -> tuple[bool, float, int]:
        """By which trials are sorted, the best first, those that did not go to their end last."""
        score = math.inf if trial.score is None else -trial.score if self.higher else trial.score
        return trial.state != DONE, score, trial.number


@dataclass
class Trial:
    """One training with some values of the settings that are searched.

    Attributes
    ----------
    score
        The best of an epoch, by the search's yardstick; None while it is not known.
    marks
        The best so far when so many eighths of the training were over.
    why
        Of a trial that failed.
    """

    number: int
    values: dict[str, Any]
    state: str = BEGUN
    score: float | None = None
    epochs: int = 0
    seconds: float = 0.0
    why: str = ""
    marks: dict[str, float] = field(default_factory=dict)

    def folder(self, place: Path) -> Path:
        return place / TRIALS / f"{self.number:03d}"

    def keep(self, place: Path) -> None:
        """Write it down, as a whole or not at all."""
        self.folder(place).mkdir(parents=True, exist_ok=True)
        write_text(self.folder(place) / TOLD, json.dumps(asdict(self), indent=2))


def trials_in(place: Path) -> list[Trial]:
    """The trials of a search, in their order.

    Raises
    ------
    InputError
        A trial's file is damaged.
    """
    found: list[Trial] = []
    for path in sorted((place / TRIALS).glob(f"*/{TOLD}")):
        trial = None
        with suppress(OSError, ValueError, TypeError):
            trial = Trial(**parsed(path.read_bytes()))
        if trial is None or trial.state not in (BEGUN, DONE, PRUNED, FAILED) or trial.number != len(found):
            raise InputError(f"{path}: no trial, or a damaged one", next_step=f"remove {path.parent} and what follows")
        found.append(trial)
    return found


def best_of(trials: Sequence[Trial], by: Yardstick) -> Trial | None:
    """The one that scored best of those that went to their end."""
    done = [trial for trial in trials if trial.state == DONE and trial.score is not None]
    return min(done, key=by.rank, default=None)


def overlap(place: Path, best: Trial, trials: Sequence[Trial]) -> int:
    """Frames of the best trial's test part, which it never looked at, that others were trained or validated on.

    Parts are cut by the length of a window: with another context they may end a few frames earlier or later.
    """
    tested = _frames(place, best, "test")
    return len(tested & {frame for trial in trials for frame in _frames(place, trial, "training", "validation")})


def _frames(place: Path, trial: Trial, *names: str) -> set[tuple[str, int]]:
    """Of each cube."""
    return {
        (path.name, frame)
        for path in trial.folder(place).glob("split*.json")
        for name, part in parsed(path.read_bytes())["parts"].items()
        if name in names
        for start, stop in part["runs"]
        for frame in range(start, stop)
    }


def rows_of(trials: Sequence[Trial], by: Yardstick) -> list[dict[str, Any]]:
    """A row for each trial, the best first, those that did not go to their end last."""
    return [
        {
            "trial": trial.number,
            "state": trial.state,
            "score": trial.score,
            **trial.values,
            "epochs": trial.epochs,
            "seconds": round(trial.seconds, 1),
        }
        for trial in sorted(trials, key=by.rank)
    ]


def write_table(trials: Sequence[Trial], path: Path, by: Yardstick) -> None:
    """As CSV."""
    with replacing(path) as aside:
        pd.DataFrame(rows_of(trials, by)).to_csv(aside, index=False)


def told_of(trial: Trial, by: Yardstick) -> str:
    """A line."""
    values = ", ".join(
        f"{name} {value:.3g}" if isinstance(value, float) else f"{name} {value}" for name, value in trial.values.items()
    )
    score = trial.why if trial.state == FAILED else f"{by} {trial.score:.4f}"
    return f"trial {trial.number:<3}{trial.state}: {score}; {values}; {trial.epochs} epoch(s), {trial.seconds:.0f} s"
