"""The arguments and options that several verbs share."""

from __future__ import annotations

from typing import Annotated

import typer

__all__ = ["Channel", "Debug", "Paths", "Quiet", "Run", "Thresholds", "Variable"]

Paths = Annotated[list[str], typer.Argument(metavar="PATH...", help="files, globs, folders, stores, or kth:FOLDER")]
Variable = Annotated[str | None, typer.Option("--variable", help="the field, where a file holds several")]
Channel = Annotated[str | None, typer.Option("--channel", help="one channel of several, by name or number")]
Debug = Annotated[bool, typer.Option("--debug", help="show the whole traceback of an error")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="tell nothing but the result")]
Run = Annotated[str | None, typer.Option("--run", help="a run's folder or a model file [newest fitting run]")]
Thresholds = Annotated[str | None, typer.Option("--thresholds", help="in the field's units, such as 0.1,1,5")]
