"""What goes to standard output, the results, and what goes beside it: what to type next."""

from __future__ import annotations

import sys
from typing import Any

import typer

__all__ = ["again", "print_scores", "results", "tell_next"]


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


def again(paths: list[str]) -> str:
    """The paths as they can be typed again: as they are if one, as the usage says if many."""
    return paths[0] if len(paths) == 1 else "PATH..."


def tell_next(text: str, *, quiet: bool = False) -> None:
    """Say on standard error what to do now."""
    if not quiet:
        typer.echo(text, err=True)
