"""Every setting with its default and its meaning, written out from the settings themselves."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin

import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from nowcast.config.settings import Settings

__all__ = ["explained"]

HEAD = """\
# Every setting of nowcast fit, with its default; what is null is chosen from the data and told.
# A file needs to hold only what differs: nowcast fit radar.zarr --config my.yaml. Flags win over it.
"""

MEANING = 32
"""The column in which meanings begin."""

WIDTH = 120


def explained() -> str:
    """All settings as YAML that `resolve` reads back to the defaults, each with what it means beside it."""
    return HEAD + "".join(f"\n{name}:{_told(type(room), len(name) + 1)}" for name, room in Settings())


def _told(room: type[BaseModel], at: int) -> str:
    about = (room.__doc__ or "").splitlines()[0]
    return "\n".join([f"{' ' * (MEANING - at)}# {about}", *_lines(room.model_fields), ""])


def _lines(fields: dict[str, FieldInfo]) -> Iterator[str]:
    for name, field in fields.items():
        value = field.get_default(call_default_factory=True)
        plain = list(value) if isinstance(value, tuple) else value
        shown = yaml.safe_dump(plain, default_flow_style=True, width=1000).removesuffix("...\n").strip()
        choices = _choices(field.annotation)
        words = f"{', '.join(choices)}: {field.description}" if choices else field.description
        first, *more = textwrap.wrap(words or "", WIDTH - MEANING - 2)
        yield f"{f'  {name}: {shown}':<{MEANING - 1}} # {first}"
        yield from (f"{'':<{MEANING}}# {line}" for line in more)


def _choices(annotation: Any) -> list[str]:
    """The names that a setting may be one of; none if it is not of such a kind."""
    if get_origin(annotation) is Literal:
        return [str(each) for each in get_args(annotation)]
    return [each for inner in get_args(annotation) if get_origin(inner) is Literal for each in _choices(inner)]
