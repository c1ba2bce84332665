"""What a run's folder tells: its scores cube by cube, and beside them what was trained on what, when, how and where."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import xarray as xr

from nowcast import __version__, model_file
from nowcast.errors import InputError
from nowcast.plain_json import parsed
from nowcast.report.known import Known, Part
from nowcast.run import folder
from nowcast.run.folder.circumstances import circumstances
from nowcast.run.folder.tables import opened, scores_from
from nowcast.sizes import duration

__all__ = ["made_by", "told_by"]

FINGERPRINT, COMMIT = 16, 12
"""Digits that are told of each."""

A_STEP = "seconds_a_step"


def told_by(run: Path) -> tuple[str, list[Part], Known]:
    """A title; of each cube its scores, its split and its cases; and what is known beside them.

    Raises
    ------
    InputError
        No run, or one that was not scored yet though it has a test part.
    UnsafeError
        Something in the folder leads out of it.
    """
    folder.require_own(run)
    parts = _parts(run)
    if not parts:
        begun = (run / folder.BEGUN).is_file()
        raise InputError(
            f"{run}: the run is not scored yet" if begun else f"{run}: no run",
            found=f"no {folder.SCORES}",
            next_step=f"nowcast fit PATH --resume --run {run}" if begun else "train one: nowcast fit PATH",
        )
    told = circumstances(run)
    model = run / folder.MODEL
    facts = _facts(model, told) if model.is_file() else {}
    scored = [part.scores for part in parts if part.scores is not None]
    known = Known(
        facts=facts,
        history=folder.history(run),
        commands=_commands(run, told.get("sources") or []),
        made=made_by(scored[0]) if scored else f"nowcast {__version__}",
    )
    variable = str(scored[0].attrs.get("variable", "scores")).replace("_", " ") if scored else "not scored"
    return f"{run.resolve().name}: {variable}", parts, known


def _parts(run: Path) -> list[Part]:
    """Of each cube its scores and its split; none where a cube that has a test part lacks scores."""
    parts: list[Part] = []
    number, done = 1, (run / folder.MODEL).is_file()
    while True:
        table, cases = (run / folder.numbered(name, number) for name in (folder.SCORES, folder.CASES))
        told = _json(run / folder.numbered(folder.SPLIT, number))
        audit = told if isinstance(told, dict) and "parts" in told else None
        scores = scores_from(table) if table.is_file() else None
        if scores is None and (audit is None or not done):
            return parts
        if scores is None and audit is not None and audit["parts"].get("test", {}).get("frames"):
            return []
        parts.append(Part(scores, audit, opened(cases) if cases.is_file() else None))
        number += 1


def made_by(scores: xr.Dataset) -> str:
    """Whose scores these are, of which pixels, and by what."""
    names = ", ".join(str(name) for name in scores["forecaster"].values)
    return f"{names}, on {scores.attrs.get('population', 'the same pixels')}; nowcast {__version__}"


def _facts(model: Path, told: dict[str, Any]) -> dict[str, str]:
    card = model_file.load_card(model)
    step, grid = card.time_step_seconds, card.grid_step
    trained = card.trained_on
    keywords = {name: value for name, value in card.keywords.items() if name not in ("channels", "masked")}
    facts = {
        "model": card.model + "".join(f"; {name} {_short(value)}" for name, value in keywords.items()),
        "parameters": f"{model_file.parameters(model):,}".replace(",", " "),
        "variable": f"{card.variable} ({card.units or 'no units'})"
        + (f", {card.channels} channels" * (card.channels > 1)),
        "source": ", ".join(told.get("sources") or [str(trained.get("source", "unknown"))]),
        "licence of the data": "; ".join(map(str, told.get("licences") or ())) or "the files state none",
        "fingerprint": ", ".join(str(each)[:FINGERPRINT] for each in told.get("fingerprints") or ()),
        "training time": " to ".join(str(trained.get(end, "?")).replace("T", " ") for end in ("first", "last"))
        + " UTC",
        "grid": f"{grid['y']:g} x {grid['x']:g} {grid['units'] or ''}" if grid else "without lengths",
        "context": f"{card.context} frames of {duration(step)} ({duration(card.context * step)})",
        "horizon": f"{card.horizon} frames ({duration(card.horizon * step)})",
        "scaling": str(card.scaler.get("method", "")),
        "absent frames": str(card.gaps.get("policy", "skip")),
        "begun": str(told.get("begun", "")) + _resumed(told),
        "took": _took(told.get("durations")),
        "hardware": str(told.get("hardware", "")),
        "versions": ", ".join(f"{name} {number}" for name, number in (told.get("versions") or card.versions).items()),
        "code": _code(told.get("git")),
    }
    return {name: text for name, text in facts.items() if text}


def _resumed(told: Mapping[str, Any]) -> str:
    again = told.get("resumed") or ()
    return f"; resumed {', '.join(str(each.get('at', '?')) for each in again)}" if again else ""


def _took(durations: Any) -> str:
    """`training 3.2 min, scoring 12 s; 0.05 s a step`."""
    if not isinstance(durations, Mapping):
        return ""
    phases = [f"{name} {_clock(each)}" for name, each in durations.items() if name != A_STEP]
    return ", ".join(phases) + (f"; {durations[A_STEP]:g} s a step" if A_STEP in durations else "")


def _clock(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"


def _code(git: Any) -> str:
    """Commits, as far as they are known: `nowcast 1a2b3c4d5e6f, changed since; working directory …`."""
    held = git.items() if isinstance(git, Mapping) else ()
    names = sorted((name, state) for name, state in held if isinstance(state, Mapping))
    return "; ".join(
        f"{name.replace('_', ' ')} at {str(state.get('commit'))[:COMMIT]}"
        + (", changed since" if state.get("dirty") else "")
        for name, state in names
    )


def _short(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"of {len(value.get('thresholds', ()))} thresholds"
    return " ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _json(path: Path) -> Any:
    with suppress(OSError, ValueError):
        return parsed(path.read_bytes())
    return None


def _commands(run: Path, sources: Sequence[str]) -> list[str]:
    paths = " ".join(shlex.quote(path) for path in sources) if sources else "PATH"
    name, settings = shlex.quote(str(run)), shlex.quote(str(run / folder.CONFIG))
    return [
        f"nowcast fit {paths} --config {settings} --run {shlex.quote(str(run) + '-again')}",
        f"nowcast forecast {paths} -o forecast.nc --run {name}",
        f"nowcast report {name}",
    ]
