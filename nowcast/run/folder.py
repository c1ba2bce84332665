"""The folder of a run: what lies in it, how it is named, how the newest fitting one is found."""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import xarray as xr

from nowcast import model_file
from nowcast.atomic import clear, is_aside, write_text
from nowcast.cube import label
from nowcast.errors import InputError, UnsafeError
from nowcast.plain_json import parsed
from nowcast.progress import quiet
from nowcast.units import conversion, in_units

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
    "as_trained",
    "begin",
    "find_model",
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
    """Refuse a run's folder in which a name leads out of it, or is neither file nor folder, before anything is opened.

    Raises
    ------
    UnsafeError
        A link to elsewhere, or a pipe, a socket or a device.
    """
    root = folder.resolve()
    for path in [path for level in ("*", "checkpoints/*") for path in folder.glob(level)]:
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


def find_model(run: str | os.PathLike[str] | None, cube: xr.DataArray) -> Path:
    """As `find_model_for`, for a cube that is read already."""
    return find_model_for(run, lambda _: cube)[0]


def find_model_for(
    run: str | os.PathLike[str] | None, read_as: Callable[[dict[str, Any]], xr.DataArray]
) -> tuple[Path, dict[str, Any]]:
    """The model file of a run folder, the file itself, or that of the newest run under `runs/` that fits the cube.

    Runs that fit as they are come before those that do once rain is in their units.

    Parameters
    ----------
    read_as
        The cube, read with the options that a model remembers.

    Returns
    -------
    tuple
        The file, and the options that its card remembers.

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
        return path, model_file.load_card(path).read_as
    found = sorted(RUNS.glob(f"*/{MODEL}"), key=lambda path: path.stat().st_mtime, reverse=True)
    if not found:
        raise InputError(
            f"no trained model under {RUNS.resolve()}",
            next_step="train one: nowcast fit PATH, or name one: --run DIR or --run FILE",
        )
    misfits, unread, what = [], [], "these files"
    convertible: list[tuple[Path, dict[str, Any]]] = []
    for path in found:
        try:
            require_own(path.parent)
            card = model_file.load_card(path)
        except (InputError, UnsafeError) as error:
            misfits.append(str(error))
            continue
        try:
            cube = read_as(card.read_as)
        except InputError as error:
            unread.append(error)
            continue
        what = label(cube)
        wrong = model_file.mismatches(card, cube)
        if not wrong:
            return path, card.read_as
        with quiet():
            brought = as_trained(card, cube)
        if not model_file.mismatches(card, brought):
            convertible.append((path, card.read_as))
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
