"""The folder of a run: what lies in it, how it is named, how the newest fitting one is found."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import xarray as xr

from nowcast import model_file
from nowcast.cube import label
from nowcast.errors import InputError

__all__ = ["CONFIG", "HISTORY", "MODEL", "PICTURE", "RUNS", "SCORES", "SPLIT", "find_model", "new"]

RUNS = Path("runs")
MODEL = "model.safetensors"
CONFIG = "config.yaml"
HISTORY = "history.jsonl"
SPLIT = "split.json"
SCORES = "scores.nc"
PICTURE = "forecast.png"


def new(run: str | os.PathLike[str] | None, stem: str, *, resume: bool) -> Path:
    """The folder to train in: the one named, or `runs/<stem>-<date>-<time>`.

    Raises
    ------
    InputError
        The folder holds a run already and is not to be resumed, or is to be resumed and does not exist.
    """
    if run is None:
        if resume:
            raise InputError("--resume needs to know which run", next_step="nowcast fit … --resume --run runs/NAME")
        moment = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
        folder = RUNS / f"{stem}-{moment}"
        number = 1
        while folder.exists():
            number += 1
            folder = RUNS / f"{stem}-{moment}-{number}"
    else:
        folder = Path(run)
    if resume and not folder.is_dir():
        raise InputError(f"{folder}: no such run", next_step="leave out --resume")
    if not resume and folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(
            f"{folder}: something is there already; nothing was changed",
            next_step=f"--resume to go on with it, or another --run than {folder}",
        )
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def find_model(run: str | os.PathLike[str] | None, cube: xr.DataArray) -> Path:
    """The model file of a run folder, the file itself, or that of the newest run under `runs/` that fits the cube.

    Raises
    ------
    InputError
        None is there, or none fits; what does not fit is told.
    """
    if run is not None:
        path = Path(run)
        return path / MODEL if path.is_dir() else path
    found = sorted(RUNS.glob(f"*/{MODEL}"), key=lambda path: path.stat().st_mtime, reverse=True)
    if not found:
        raise InputError(
            f"no trained model under {RUNS.resolve()}",
            next_step="train one: nowcast fit PATH, or name one: --run DIR or --run FILE",
        )
    misfits = []
    for path in found:
        try:
            _, card = model_file.load(path)
        except InputError as error:
            misfits.append(str(error))
            continue
        wrong = model_file.mismatches(card, cube)
        if not wrong:
            return path
        misfits.append(f"{path} wants " + ", ".join(f"{name} {want} (has {has})" for name, want, has in wrong))
    raise InputError(
        f"none of the {len(found)} run(s) under {RUNS.resolve()} was trained for {label(cube)}; no forecast was made",
        found="\n          ".join(misfits[:5]),
        next_step="train on such files: nowcast fit PATH, or name a model: --run DIR",
    )
