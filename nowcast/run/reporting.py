"""A run's folder, or a table of scores, to a page that is looked at in a browser."""

from __future__ import annotations

import json
import math
import os
import shlex
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import xarray as xr
from safetensors import safe_open

from nowcast import __version__, model_file
from nowcast.atomic import write_text
from nowcast.errors import InputError
from nowcast.progress import quiet, tell
from nowcast.report.page import Known, Part, page
from nowcast.run import folder

__all__ = ["report"]

PAGE = "report.html"


def report(
    source: xr.Dataset | str | os.PathLike[str],
    out: str | os.PathLike[str] | None = None,
    *,
    progress: bool = True,
) -> Path:
    """Write one self-contained HTML page: verdict, scores, cases, and what was trained on what.

    Parameters
    ----------
    source
        A run's folder; or scores, or the path of them, as `nowcast.evaluate` gives them: then what only the run knows
        is left out.
    out
        The page; None: `report.html` in the run's folder, or beside the scores.

    Returns
    -------
    pathlib.Path
        The page.

    Raises
    ------
    InputError
        No such folder or file, a run that was not scored yet though it has a test part, or a file without scores.
    MachineError
        The disk is full, or the place may not be written.
    """
    with quiet(not progress):
        if isinstance(source, xr.Dataset):
            place, made = Path(PAGE if out is None else out), _from_scores(source, "Scores", None)
        else:
            path = Path(source)
            if path.is_dir() and path.suffix != ".zarr":
                place, made = Path(path / PAGE if out is None else out), _from_run(path)
            else:
                place = Path(path.with_suffix(".html") if out is None else out)
                made = _from_scores(_scores(path), path.stem, path)
        if place.suffix not in (".html", ".htm"):
            raise InputError(
                f"{place}: a report is a page", needed="'.html'", next_step=f"-o {place.with_suffix('.html')}"
            )
        write_text(place, made)
        tell(f"report   {place} ({place.stat().st_size / 1e6:.1f} MB)")
        return place


def _from_scores(scores: xr.Dataset, title: str, path: Path | None) -> str:
    commands = [] if path is None else [f"nowcast report {shlex.quote(str(path))}"]
    variable = str(scores.attrs.get("variable", "")).replace("_", " ")
    title = f"{title}: {variable}" if variable else title
    return page(title, [Part(_checked(scores, path))], Known(commands=commands, made=_made(scores)))


def _from_run(run: Path) -> str:
    parts = _parts(run)
    if not parts:
        begun = (run / folder.BEGUN).is_file()
        raise InputError(
            f"{run}: the run is not scored yet" if begun else f"{run}: no run",
            found=f"no {folder.SCORES}",
            next_step=f"nowcast fit PATH --resume --run {run}" if begun else "train one: nowcast fit PATH",
        )
    told = _json(run / folder.CIRCUMSTANCES)
    circumstances = told if isinstance(told, dict) else {}
    model = run / folder.MODEL
    facts = _facts(model, circumstances) if model.is_file() else {}
    scored = [part.scores for part in parts if part.scores is not None]
    known = Known(
        facts=facts,
        history=_history(run / folder.HISTORY),
        commands=_commands(run, circumstances.get("sources") or []),
        made=_made(scored[0]) if scored else f"nowcast {__version__}",
    )
    variable = str(scored[0].attrs.get("variable", "scores")).replace("_", " ") if scored else "not scored"
    return page(f"{run.resolve().name}: {variable}", parts, known)


def _parts(run: Path) -> list[Part]:
    """Of each cube its scores and its split; none where a cube that has a test part lacks scores."""
    parts: list[Part] = []
    number, done = 1, (run / folder.MODEL).is_file()
    while True:
        table, cases = (run / folder.numbered(name, number) for name in (folder.SCORES, folder.CASES))
        told = _json(run / folder.numbered(folder.SPLIT, number))
        audit = told if isinstance(told, dict) and "parts" in told else None
        scores = _scores(table) if table.is_file() else None
        if scores is None and (audit is None or not done):
            return parts
        if scores is None and audit is not None and audit["parts"].get("test", {}).get("frames"):
            return []
        parts.append(Part(scores, audit, _opened(cases) if cases.is_file() else None))
        number += 1


def _made(scores: xr.Dataset) -> str:
    names = ", ".join(str(name) for name in scores["forecaster"].values)
    return f"{names}, on {scores.attrs.get('population', 'the same pixels')}; nowcast {__version__}"


def _scores(path: Path) -> xr.Dataset:
    if not path.exists():
        raise InputError(f"{path}: no such run or table of scores", next_step="nowcast evaluate … -o scores.nc")
    return _checked(_opened(path), path)


def _checked(scores: xr.Dataset, path: Path | None) -> xr.Dataset:
    if not {"forecaster", "lead_time"} <= set(scores.dims):
        raise InputError(
            f"{path or 'the dataset'}: no table of scores",
            found=f"dims {', '.join(map(str, scores.dims)) or 'none'}",
            needed="forecaster, lead_time: what nowcast evaluate -o writes, or a run's folder",
        )
    return scores


def _opened(path: Path) -> xr.Dataset:
    try:
        if path.suffix == ".zarr":
            store: xr.Dataset = xr.open_zarr(path, consolidated=False, decode_timedelta=True).load()
            return store
        with xr.open_dataset(path, engine="h5netcdf", decode_timedelta=True) as table:
            loaded: xr.Dataset = table.load()
            return loaded
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise InputError(f"{path}: cannot be read as scores", found=str(error).splitlines()[0]) from error


def _facts(model: Path, circumstances: dict[str, Any]) -> dict[str, str]:
    card = model_file.load_card(model)
    step, grid = card.time_step_seconds, card.grid_step
    trained = card.trained_on
    keywords = {name: value for name, value in card.keywords.items() if name not in ("channels", "masked")}
    facts = {
        "model": card.model + "".join(f"; {name} {_short(value)}" for name, value in keywords.items()),
        "parameters": f"{_parameters(model):,}".replace(",", " "),
        "variable": f"{card.variable} ({card.units or 'no units'})"
        + (f", {card.channels} channels" * (card.channels > 1)),
        "source": ", ".join(circumstances.get("sources") or [str(trained.get("source", "unknown"))]),
        "training time": " to ".join(str(trained.get(end, "?")).replace("T", " ") for end in ("first", "last"))
        + " UTC",
        "grid": f"{grid['y']:g} x {grid['x']:g} {grid['units'] or ''}" if grid else "without lengths",
        "context": f"{card.context} frames of {_time(step)} ({_time(card.context * step)})",
        "horizon": f"{card.horizon} frames ({_time(card.horizon * step)})",
        "scaling": str(card.scaler.get("method", "")),
        "absent frames": str(card.gaps.get("policy", "skip")),
        "begun": str(circumstances.get("begun", "")),
        "hardware": str(circumstances.get("hardware", "")),
        "versions": ", ".join(f"{name} {version}" for name, version in card.versions.items()),
    }
    return {name: text for name, text in facts.items() if text}


def _short(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _time(seconds: float) -> str:
    return f"{seconds / 60:g} min" if seconds >= 60 else f"{seconds:g} s"


def _parameters(model: Path) -> int:
    with safe_open(model, framework="pt") as file:
        return sum(math.prod(file.get_slice(name).get_shape()) for name in file.keys())  # noqa: SIM118


def _history(path: Path) -> list[dict[str, Any]]:
    rows = []
    if path.is_file():
        for line in path.read_text("utf-8", errors="replace").splitlines():
            with suppress(json.JSONDecodeError):
                row = json.loads(line)
                rows += [row] if isinstance(row, dict) else []
    return rows


def _json(path: Path) -> Any:
    with suppress(OSError, json.JSONDecodeError, UnicodeDecodeError):
        return json.loads(path.read_text("utf-8"))
    return None


def _commands(run: Path, sources: Sequence[str]) -> list[str]:
    paths = " ".join(shlex.quote(path) for path in sources) if sources else "PATH"
    name, settings = shlex.quote(str(run)), shlex.quote(str(run / folder.CONFIG))
    return [
        f"nowcast fit {paths} --config {settings} --run {shlex.quote(str(run) + '-again')}",
        f"nowcast forecast {paths} -o forecast.nc --run {name}",
        f"nowcast report {name}",
    ]
