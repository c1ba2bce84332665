"""The door for files: paths in, a lazy cube out. Formats are known by content; each is one `protocol.Reader`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nowcast.readers.damage import reading as reading
    from nowcast.readers.opening import open_cube as open_cube
    from nowcast.readers.opening import open_forecast as open_forecast

__all__ = ["open_cube", "open_forecast", "reading"]

_HOMES = {"open_cube": "opening", "open_forecast": "opening", "reading": "damage"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
