"""The program itself: its name, its own options, and where its verbs hang."""

from __future__ import annotations

from typing import Annotated

import typer

__all__ = ["app"]

app = typer.Typer(
    help="Forecast the next frames of image sequences with a physical meaning. "
    "Start with nowcast demo, on your own files with nowcast inspect PATH.",
    epilog="Exit codes: 0 done, 2 bad input or usage, 3 the machine (disk, memory, an extra), 4 refused as unsafe.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _show_version(asked: bool) -> None:
    if asked:
        from nowcast.installed import versions

        for name, version in versions().items():
            typer.echo(f"{name:<14}{version}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option("--version", help="print the versions that matter and end", is_eager=True, callback=_show_version),
    ] = False,
) -> None:
    pass
