"""How every command ends: one message and an exit code, with a traceback only when asked for."""

from __future__ import annotations

import os
import signal
import sys
import traceback
import warnings
from pathlib import Path

import typer

from nowcast.errors import NowcastError, NowcastWarning, StoppedError, printable
from nowcast.progress import quiet
from nowcast.ranks import here

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

    among = here()
    if among.world > 1:
        os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")  # it warns of what is meant to be
    if not among.first:
        sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115  (until this process ends)
    try:
        with quiet(not among.first):
            app(prog_name="nowcast")
    except Exception as error:
        if not among.first and isinstance(error, NowcastError) and not _debug:
            typer.echo(f"process {among.rank}: {error.what}", err=True)  # the first says the whole of it
            raise SystemExit(error.exit_code) from None
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
