"""The arguments and options that several verbs share."""

from __future__ import annotations

from typing import Annotated, Any

import typer

__all__ = ["READING", "Channel", "Debug", "Json", "Paths", "Quiet", "Run", "Thresholds", "Variable", "choice"]

READING = "How to read"
"""The title of the flags that every verb which reads has."""


def choice(*names: str, says: str = "") -> Any:
    """An option that is one of these names, which a shell completes; the rooms below refuse what is none of them."""
    words = f"{', '.join(names[:-1])} or {names[-1]}{says}"
    return typer.Option(
        help=words, autocompletion=lambda incomplete: [each for each in names if each.startswith(incomplete)]
    )


Paths = Annotated[list[str], typer.Argument(metavar="PATH...", help="files, globs, folders, stores, or kth:FOLDER")]
Variable = Annotated[
    str | None, typer.Option("--variable", help="the field, where a file holds several", rich_help_panel=READING)
]
Channel = Annotated[
    str | None, typer.Option("--channel", help="one channel of several, by name or number", rich_help_panel=READING)
]
Debug = Annotated[bool, typer.Option("--debug", help="show the whole traceback of an error")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="tell nothing but the result")]
Run = Annotated[str | None, typer.Option("--run", help="a run's folder or a model file [newest fitting run]")]
Thresholds = Annotated[str | None, typer.Option("--thresholds", help="in the field's units, such as 0.1,1,5")]
Json = Annotated[bool, typer.Option("--json", help="one JSON object on standard output, and nothing else there")]
