"""HTML and SVG in which every text is escaped, because nothing else can be put into it."""

from __future__ import annotations

import html
import re

from nowcast.errors import printable

__all__ = ["Markup", "joined", "tag"]

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]*")
_VOID = {"br", "circle", "img", "input", "line", "link", "meta", "path", "polygon", "polyline", "rect"}


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


def tag(name: str, /, *children: str, **attributes: str | float | bool | None) -> Markup:
    """An element: children are escaped unless they are `Markup`.

    `class_` and `stroke_width` give `class` and `stroke-width`; attributes that are None or False are left out.
    """
    said = []
    for key, value in attributes.items():
        key = key.rstrip("_").replace("_", "-")
        if not _NAME.fullmatch(key):
            raise ValueError(f"no attribute's name: {key!r}")
        if value is None or value is False:
            continue
        text = "" if value is True else f"{value:.6g}" if isinstance(value, float) else str(value)
        said.append(f' {key}="{html.escape(printable(text))}"')
    if name in _VOID and not children:
        return Markup(f"<{name}{''.join(said)}/>")
    return Markup(f"<{name}{''.join(said)}>{joined(*children)}</{name}>")


def joined(*parts: str) -> Markup:
    """The parts one after another, escaped unless they are `Markup`."""
    return Markup("".join(part if isinstance(part, Markup) else html.escape(printable(part)) for part in parts))
