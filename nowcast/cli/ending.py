"""How every command ends: one message and an exit code, with a traceback only when asked for."""

from __future__ import annotations

import os
import signal
import sys
import traceback
import warnings

import typer

from nowcast.errors import NowcastError, NowcastWarning, StoppedError, printable

__all__ = ["main", "set_debug"]

_debug = False


def set_debug(value: bool) -> None:
    """Whether an error shows its whole traceback."""
    global _debug
    _debug = _debug or value


def main() -> None:
    """Run a verb; errors that a user can cause end with one message and their exit code, without a traceback."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was begun beside an output is removed
    if "--debug" not in sys.argv:
        # Libraries talk to their own developers; what a user should know is told by nowcast itself.
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", NowcastWarning)
        warnings.showwarning = lambda message, *_, **__: typer.echo(f"beware   {printable(str(message))}", err=True)
    from nowcast.cli import app

    try:
        app(prog_name="nowcast")
    except Exception as error:
        stopped = isinstance(error, StoppedError)
        colour = None if os.environ.get("NO_COLOR") else typer.colors.YELLOW if stopped else typer.colors.RED
        typer.secho("stopped: " if stopped else "error: ", fg=colour, nl=False, err=True)
        if isinstance(error, NowcastError):
            code = error.exit_code
            typer.echo(str(error), err=True)
        else:
            code = 3 if isinstance(error, (OSError, MemoryError)) else 1
            hint = "" if _debug else "\n  next:   the same command with --debug shows where"
            typer.echo(printable(f"{type(error).__name__}: {error}") + hint, err=True)
        if _debug:
            typer.echo(printable("".join(traceback.format_exception(error))), err=True)
        raise SystemExit(code) from None
