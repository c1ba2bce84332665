"""The verb that makes a page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nowcast.cli.ending import set_debug
from nowcast.cli.flags import Debug, Quiet

__all__ = ["report"]


def report(
    source: Annotated[str, typer.Argument(metavar="RUN|SCORES", help="a run's folder, or scores of evaluate -o")],
    out: Annotated[Path | None, typer.Option("-o", "--out", help="the page [RUN/report.html]")] = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """One HTML page of a run or of scores. Verdict, curves, cases, what was trained on what; needs no network."""
    set_debug(debug)
    from nowcast import run

    print(run.report(source, out, progress=not quiet))  # noqa: T201
