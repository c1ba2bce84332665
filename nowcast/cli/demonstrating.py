"""The verb that shows the whole path."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nowcast.cli.ending import set_debug
from nowcast.cli.flags import Debug
from nowcast.cli.telling import print_scores, tell_next

__all__ = ["demo"]


def demo(
    folder: Annotated[Path, typer.Argument(help="where to write")] = Path("demo"),
    max_minutes: Annotated[float, typer.Option(help="the longest that training may take")] = 3.0,
    debug: Debug = False,
) -> None:
    """The whole path on a synthetic radar, in minutes. Convert, fit, forecast, evaluate, picture; no download."""
    set_debug(debug)
    from nowcast.run.demonstration import demo as run_demo

    scores = run_demo(folder, max_minutes=max_minutes)
    print_scores(scores)
    tell_next(f"{scores.attrs['picture']} shows a forecast; on your own file: nowcast fit PATH")
