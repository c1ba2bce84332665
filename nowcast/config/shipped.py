"""The configurations that come with nowcast, by name: one for each world, and those of benchmarks."""

from __future__ import annotations

import difflib
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from nowcast.errors import InputError

__all__ = ["shipped", "text_of"]


def shipped() -> dict[str, str]:
    """The first line of each by its name: what it is for."""
    return {name: _text(name).splitlines()[0].strip("#: ") for name in _names()}


def text_of(name: str) -> str:
    """The file of that name, as it is.

    Raises
    ------
    InputError
        There is none; the nearest is named.
    """
    names = _names()
    if name not in names:
        near = difflib.get_close_matches(name, names, n=1)
        raise InputError(
            f"no configuration is called {name!r}",
            found=f"did you mean {near[0]}?" if near else None,
            needed=", ".join(names),
            next_step="nowcast config --all shows every setting",
        )
    return _text(name)


def _names() -> list[str]:
    return sorted(each.name.removesuffix(".yaml") for each in _folder().iterdir() if each.name.endswith(".yaml"))


def _text(name: str) -> str:
    return (_folder() / f"{name}.yaml").read_text(encoding="utf-8")


def _folder() -> Traversable:
    """`configs` within the installed package, or where it is worked on beside it."""
    within = files("nowcast") / "configs"
    return within if within.is_dir() else Path(__file__).parents[2] / "configs"
