"""What goes to standard output, the results, and what goes beside it: what to type next."""

from __future__ import annotations

import json
import math
import shlex
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import typer

from nowcast.readers.options import given

__all__ = ["again", "figures", "flags", "lead_seconds", "print_json", "print_scores", "results", "tell_next"]


def results() -> Any:
    """Standard output: results alone, not folded to a terminal's width where there is no terminal."""
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else 160, highlight=False)


def print_scores(scores: Any) -> None:
    """The table of scores, and the verdict; nothing where nothing was scored."""
    if not scores.data_vars:
        return
    from nowcast import report

    console = results()
    console.print(report.score_table(scores))
    console.print(report.verdict(scores), markup=False)


def print_json(told: Mapping[str, Any]) -> None:
    """One object on one line; what JSON has no number for is null."""
    print(json.dumps(_plain(told), allow_nan=False))  # noqa: T201


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value if not isinstance(value, float) or math.isfinite(value) else None


def figures(scores: Any) -> dict[str, Any]:
    """The main figures of scores: by forecaster what has one number a lead time, and the verdict."""
    names = [name for name in ("mse", "mae", "crps", "psnr", "ssim") if name in scores]
    told = {
        "variable": scores.attrs.get("variable"),
        "units": scores.attrs.get("units"),
        "lead_seconds": lead_seconds(scores),
        "forecasters": [str(name) for name in scores["forecaster"].values],
    }
    if not names:
        return {**told, "scores": {}, "verdict": None}
    from nowcast.verification import verdict

    by = {
        each: {name: scores[name].sel(forecaster=each).values.tolist() for name in names}
        for each in told["forecasters"]
    }
    return {**told, "scores": by, "verdict": verdict(scores)}


def lead_seconds(held: Any) -> list[float]:
    """The lead times of scores or of a forecast."""
    import numpy as np

    seconds: list[float] = (held["lead_time"].values / np.timedelta64(1, "s")).tolist()
    return seconds


def again(paths: Sequence[object]) -> str:
    """The paths as they can be typed again: as they are if one, as the usage says if many."""
    return shlex.quote(str(paths[0])) if len(paths) == 1 else "PATH..."


def flags(said: Mapping[str, Any]) -> str:
    """What was said by flags, as it can be typed again behind the paths; empty where nothing was."""
    words = [(name.replace("_", "-"), value) for name, value in given(said).items()]
    return "".join(f" --{name}" + ("" if value is True else f" {shlex.quote(str(value))}") for name, value in words)


def tell_next(text: str, *, quiet: bool = False) -> None:
    """Say on standard error what to do now."""
    if not quiet:
        typer.echo(text, err=True)
