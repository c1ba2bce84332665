"""Sizes of memory and lengths of time, as people write them."""

from __future__ import annotations

import re

__all__ = ["bytes_of", "duration", "told"]

_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?) *([kMGT]i?)?B?")


def bytes_of(text: str) -> int:
    """`2GB`, `500MB`, `1.5GiB` as a number of bytes.

    Raises
    ------
    ValueError
        It is no size.
    """
    found = _SIZE.fullmatch(text.strip())
    if found is None or float(found[1]) <= 0:
        raise ValueError(f"{text!r} is no size of memory, such as 2GB")
    prefix = found[2] or ""
    return int(float(found[1]) * (1024 if prefix.endswith("i") else 1000) ** " kMGT".index(prefix[:1] or " "))


def told(size: float) -> str:
    """As people read it: `1.4 GB`, `350 MB`."""
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{max(size / 1e6, 1):.0f} MB"


def duration(seconds: float) -> str:
    """`5 min`, `2.5 min`, `30 s`."""
    return f"{seconds / 60:g} min" if seconds >= 60 else f"{seconds:g} s"
