"""The flags of every verb that reads: one for each of the reader's options."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import fields
from typing import Annotated, Any, get_type_hints

import typer

from nowcast.cli.flags import READING
from nowcast.readers.options import Options, given

__all__ = ["reads"]


_KINDS = {"coarsen": int, "missing_value": float}
_OWN = {"variable", "channel"}


def reads(verb: Callable[..., None]) -> Callable[..., None]:
    """The verb with `--dask`, and a flag for each option of `open_cube`, which it gets as the mapping `options`."""
    signature = inspect.signature(verb)
    hints = get_type_hints(verb, include_extras=True)
    own = [each.replace(annotation=hints[name]) for name, each in signature.parameters.items() if name != "options"]
    flags = [_flag(each.name, str(each.metadata["help"]), each.default) for each in fields(Options)]
    flags = [flag for flag in flags if flag.name not in _OWN]

    flags.append(_flag("dask", "work on a cluster: tcp://host:port, local or local:4", None))

    @functools.wraps(verb)
    def told(**words: Any) -> None:
        address = words.pop("dask")
        said = given({flag.name: words.pop(flag.name) for flag in flags if flag.name != "dask"})
        if address is None:
            verb(**words, options=said)
            return
        from nowcast.run.cluster import on_cluster

        with on_cluster(address):
            verb(**words, options=said)

    told.__signature__ = signature.replace(parameters=[*own, *flags])  # type: ignore[attr-defined]
    told.__annotations__ = {each.name: each.annotation for each in (*own, *flags)}
    return told


def _flag(name: str, help_text: str, default: Any) -> inspect.Parameter:
    flag = f"--{name.replace('_', '-')}"
    kind: Any = bool if default is False else _KINDS.get(name, str) | None
    option = typer.Option(flag, help=help_text, rich_help_panel=READING)
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, option])
