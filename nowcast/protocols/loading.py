"""A protocol by its name or from its file: read as plain data, checked, never run."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from nowcast.errors import InputError
from nowcast.plain_yaml import read_plain
from nowcast.protocols.schema import Protocol

__all__ = ["SHIPPED", "load"]

FOLDER = Path(__file__).parent / "shipped"
SHIPPED = tuple(sorted(path.stem for path in FOLDER.glob("*.yaml")))
"""Protocols that come along, by name."""


def load(protocol: str | os.PathLike[str]) -> tuple[Protocol, Path]:
    """The protocol of a name in `SHIPPED` or of a YAML file, and the folder that its paths are relative to.

    Raises
    ------
    InputError
        No such name or file, no YAML, an unknown key (the nearest one is named), a value of the wrong kind.
    UnsafeError
        YAML that asks for objects, or that refers to itself.
    """
    text = os.fspath(protocol)
    path = FOLDER / f"{text}.yaml" if text in SHIPPED else Path(text).expanduser()
    if text not in SHIPPED and not path.is_file():
        near = difflib.get_close_matches(text, SHIPPED, n=1)
        raise InputError(
            f"{text}: no protocol of this name, and no such file",
            needed=f"a YAML file, or one of {', '.join(SHIPPED)}",
            next_step=f"nowcast benchmark {near[0]}" if near else "docs/how_to/benchmark.md shows how to write one",
        )
    try:
        return Protocol.model_validate(read_plain(path)), path.resolve().parent
    except ValidationError as error:
        raise InputError(
            f"{path}: {error.error_count()} thing(s) in this protocol are not right; nothing was run",
            found="\n          ".join(_explain(error)),
            next_step="docs/how_to/benchmark.md shows a whole one",
        ) from error


def _explain(error: ValidationError) -> Iterator[str]:
    for entry in error.errors():
        where = ".".join(str(part) for part in entry["loc"]) or "the protocol"
        if entry["type"] == "extra_forbidden":
            near = difflib.get_close_matches(str(entry["loc"][-1]), _names(entry["loc"][:-1]), n=1)
            yield f"{where} is not known" + (f"; did you mean {near[0]}?" if near else "")
        elif entry["type"] == "missing":
            yield f"{where} is not said"
        else:
            told = "" if isinstance(entry["input"], dict) else f" (found {entry['input']!r})"
            yield f"{where}: {entry['msg']}{told}"


def _names(loc: tuple[Any, ...]) -> list[str]:
    """Keys that are known at a place of the protocol."""
    room: Any = Protocol
    for part in loc:
        kinds = room.model_fields[part].annotation if _is_room(room) and part in room.model_fields else room
        room = next((kind for kind in (kinds, *_within(kinds)) if _is_room(kind)), None)
    return list(room.model_fields) if _is_room(room) else []


def _within(kind: Any) -> Iterator[Any]:
    for inner in get_args(kind):
        yield inner
        yield from _within(inner)


def _is_room(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)
