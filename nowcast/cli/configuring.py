"""The verb that shows what can be set."""

from __future__ import annotations

from typing import Annotated

import typer

from nowcast.cli.ending import set_debug
from nowcast.cli.flags import Debug
from nowcast.errors import InputError

__all__ = ["config"]


def _names(incomplete: str) -> list[str]:
    from nowcast.config import shipped

    return [name for name in shipped() if name.startswith(incomplete)]


def config(
    name: Annotated[
        str | None, typer.Argument(help="one that comes with nowcast; all are listed if none", autocompletion=_names)
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="every setting with its default and its meaning")] = False,
    debug: Debug = False,
) -> None:
    """Print a configuration to begin with, or every setting there is. For nowcast fit --config."""
    set_debug(debug)
    from nowcast.config import explained, shipped, text_of

    if every and name is not None:
        raise InputError("--all is every setting, of no configuration in particular", found=f"--all {name}")
    if every or name is not None:
        print(explained() if name is None else text_of(name), end="")  # noqa: T201
        return
    listed = shipped()
    for each, about in listed.items():
        print(f"{each:<{max(map(len, listed))}}  {about}")  # noqa: T201
