"""The folder of a run: what lies in it, and how it is named."""

from __future__ import annotations

import itertools
import json
import os
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from nowcast.atomic import clear, is_aside, write_text
from nowcast.errors import InputError, UnsafeError
from nowcast.plain_json import parsed

__all__ = [
    "BEGUN",
    "CASES",
    "CIRCUMSTANCES",
    "CONFIG",
    "EVENTS",
    "HISTORY",
    "MODEL",
    "MODEL_CARD",
    "PICTURE",
    "RUNS",
    "SCORES",
    "SPLIT",
    "VERDICT",
    "begin",
    "history",
    "numbered",
    "place",
    "require_own",
    "steps_taken",
]

RUNS = Path("runs")
MODEL = "model.safetensors"
MODEL_CARD = "model_card.md"
CONFIG = "config.yaml"
HISTORY = "history.jsonl"
SPLIT = "split.json"
EVENTS = "events.nc"
BEGUN = "begun.json"
SCORES = "scores.nc"
VERDICT = "verdict.json"
PICTURE = "forecast.png"
CASES = "cases.nc"
CIRCUMSTANCES = "circumstances.json"

WITHIN = ("*", "checkpoints/*", "trials/*", "trials/*/*", "trials/*/checkpoints/*")
"""Where the files of a run, or of a search and its trials, lie."""


def numbered(name: str, number: int) -> str:
    """The name of a file for the first cube as it is, for others with their number: `scores-2.nc`."""
    stem, dot, suffix = name.rpartition(".")
    return name if number == 1 else f"{stem}-{number}{dot}{suffix}"


def place(run: str | os.PathLike[str] | None, stem: str, *, resume: bool) -> Path:
    """The folder to train in, not made yet: the one named, or `runs/<stem>-<date>-<time>`.

    Raises
    ------
    InputError
        Something is there already and is not to be resumed, or nothing is there that could be.
    """
    if run is None:
        if resume:
            raise InputError("--resume needs to know which run", next_step="nowcast fit … --resume --run runs/NAME")
        moment = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
        names = (f"{stem}-{moment}" + (f"-{number}" if number > 1 else "") for number in itertools.count(1))
        return next(RUNS / name for name in names if not (RUNS / name).exists())
    folder = Path(run)
    if resume and folder.is_dir():
        clear(folder)
    if resume and not (folder / BEGUN).is_file():
        raise InputError(
            f"{folder}: no run that could be resumed", found="no " + BEGUN, next_step="leave out --resume to begin it"
        )
    if resume:
        require_own(folder)
    if not resume and folder.exists() and (not folder.is_dir() or not _is_bare(folder)):
        raise InputError(
            f"{folder}: something is there already; nothing was changed",
            next_step=f"--resume to go on with it, or another --run than {folder}",
        )
    return folder


def _is_bare(folder: Path) -> bool:
    """Whether nothing is in it, or only what a command leaves that is killed before the run is begun."""
    return all(path.name == CIRCUMSTANCES or is_aside(path) for path in folder.iterdir())


def require_own(folder: Path) -> None:
    """Refuse the folder of a run or a search, before anything in it is opened, where a name is not its own file.

    Raises
    ------
    UnsafeError
        A link to elsewhere, or a pipe, a socket or a device.
    """
    root = folder.resolve()
    for path in [path for level in WITHIN for path in folder.glob(level)]:
        if path.is_symlink() and not path.resolve().is_relative_to(root):
            raise UnsafeError(
                f"{path}: leads out of the run's folder; it was not opened",
                found=f"a link to {path.readlink()}",
                needed="files of the run itself",
            )
        if path.exists() and not (path.is_file() or path.is_dir()):
            raise UnsafeError(f"{path}: neither a file nor a folder; it was not opened")


def begin(folder: Path, fingerprint: dict[str, Any], *, resume: bool) -> None:
    """Write down what a run is begun with, or see that it is taken up again with the same.

    Raises
    ------
    InputError
        Another cube, other training times, scaling or model than the run was begun with: a table of both.
    """
    fingerprint = json.loads(json.dumps(fingerprint))
    if not resume:
        write_text(folder / BEGUN, json.dumps(fingerprint, indent=2))
        return
    begun = _plain(folder / BEGUN)
    other = [name for name in fingerprint if begun.get(name) != fingerprint[name]]
    if other:
        rows = "\n".join(f"    {name}: begun with {begun.get(name)}; now {fingerprint[name]}" for name in other)
        raise InputError(
            f"{folder}: the run was begun with something else; nothing was changed\n{rows}",
            next_step="give the same files and settings, or begin another run: leave out --resume and --run",
        )


def _plain(path: Path) -> dict[str, Any]:
    try:
        plain = parsed(path.read_bytes())
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read; nothing was changed", found=str(error)[:200]) from error
    if not isinstance(plain, dict):
        raise InputError(f"{path}: not what a run begins with; nothing was changed", found=type(plain).__name__)
    return plain


def history(folder: Path) -> list[dict[str, Any]]:
    """The rows of a run's history, those that are whole: a kill may tear the last."""
    rows = []
    path = folder / HISTORY
    if path.is_file():
        for line in path.read_text("utf-8", errors="replace").splitlines():
            with suppress(ValueError):
                row = parsed(line)
                rows += [row] if isinstance(row, dict) else []
    return rows


def steps_taken(folder: Path) -> int:
    """Steps of training that a run's history tells of."""
    steps = [row["step"] for row in history(folder) if isinstance(row.get("step"), int)]
    return steps[-1] if steps else 0
