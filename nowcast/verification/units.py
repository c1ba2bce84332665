"""One spelling for units that are written in several: `mm/h`, `mm hr**-1` and `mm h-1` are the same."""

from __future__ import annotations

import re
from typing import Any

__all__ = ["spelled"]


def spelled(units: Any) -> str | None:
    """The units in the spelling of CF (`kg m-2 s-1`); None where none are stated."""
    if units is None or not str(units).strip():
        return None
    text = re.sub(r"\*\*|\^", "", str(units).strip())
    text = re.sub(r"\s*/\s*([A-Za-z]+)(\d*)", lambda part: f" {part[1]}-{part[2] or 1}", text)
    text = re.sub(r"(?<=[A-Za-z\d])[.*](?=[A-Za-z])", " ", text)
    text = re.sub(r"\b(hr|hour|hours)(?=-|\b)", "h", text)
    return re.sub(r"\s+", " ", text)
