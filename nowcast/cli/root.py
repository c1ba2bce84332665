"""The program itself: its name, its own options, and where its verbs hang."""

from __future__ import annotations

from typing import Annotated

import typer

__all__ = ["app"]

app = typer.Typer(
    help="Forecast the next frames of image sequences with a physical meaning. Start with: nowcast demo",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _show_version(asked: bool) -> None:
    if asked:
        import nowcast

        typer.echo(nowcast.__version__)
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", help="print the version and end", is_eager=True, callback=_show_version)
    ] = False,
) -> None:
    pass
