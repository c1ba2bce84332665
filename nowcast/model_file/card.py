"""The card of a model: as plain data, all that a forecast needs beside the weights."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from nowcast.errors import UnsafeError
from nowcast.scaling import Scaler
from nowcast.verification import is_record

__all__ = ["FORMAT", "Card", "card_format", "card_from"]

FORMAT = 2
"""Of what is written; it is raised by whatever older versions would read wrong."""

MOST_FRAMES, MOST_KEYWORDS = 10_000, 1_000
"""Context or horizon, and plain values that a model is made by: more are not obeyed."""


_KINDS: dict[str, tuple[type, ...]] = {
    "model": (str,),
    "keywords": (dict,),
    "scaler": (dict,),
    "variable": (str,),
    "units": (str, type(None)),
    "channels": (int,),
    "grid_step": (dict, type(None)),
    "time_step_seconds": (int, float),
    "context": (int,),
    "horizon": (int,),
    "masked": (bool,),
    "trained_on": (dict,),
    "versions": (dict,),
    "read_as": (dict,),
    "other_grids": (list,),
    "gaps": (dict,),
    "verdict": (dict,),
    "format": (int,),
}
_LATER = {"read_as", "gaps", "other_grids", "verdict"}
"""What the first model files did not tell."""


@dataclass(frozen=True)
class Card:
    """What a model is, what it was trained on, and what a cube must be for it to forecast.

    Attributes
    ----------
    model, keywords
        How `nowcast.models.build` makes it.
    scaler
        `Scaler.to_dict()`.
    grid_step
        `nowcast.cube.grid_step` of the training cube, or None.
    trained_on
        First and last training time, the file and what it states of its licence, for the record.
    read_as
        The options of `nowcast.open_cube` that the training cube was read with.
    other_grids
        `grid_step` of further cubes that it was trained on.
    verdict
        To whom it lost on its test part (`nowcast.verification.record`); empty where that is not known.
    gaps
        How absent frames are treated: `{"policy": "skip", "mask" or "hold", "most": N}`, at most N of a context.
    """

    model: str
    keywords: dict[str, Any]
    scaler: dict[str, Any]
    variable: str
    units: str | None
    channels: int
    grid_step: dict[str, Any] | None
    time_step_seconds: float
    context: int
    horizon: int
    masked: bool
    trained_on: dict[str, Any]
    versions: dict[str, str]
    read_as: dict[str, Any] = field(default_factory=dict)
    other_grids: list[dict[str, Any] | None] = field(default_factory=list)
    gaps: dict[str, Any] = field(default_factory=lambda: {"policy": "skip", "most": 0})
    verdict: dict[str, Any] = field(default_factory=dict)
    format: int = FORMAT


def card_format(plain: dict[str, Any]) -> int:
    """The format that a card says it has.

    Raises
    ------
    ValueError
        It says none.
    """
    written = plain.get("format")
    if type(written) is not int or written < 1:
        raise ValueError(f"format {str(written)[:80]!r} is none")
    return written


def card_from(plain: dict[str, Any]) -> Card:
    """The card that a file holds as plain data.

    Raises
    ------
    InputError
        The scaler is none.
    UnsafeError
        It asks for more frames, or a model of more parts, than any that nowcast writes.
    TypeError, ValueError, ArithmeticError
        It is no card.
    """
    card = Card(**plain)
    if not set(_KINDS) - _LATER <= set(plain) or not _is_sound(card):
        raise ValueError("fields are missing or of the wrong kind")
    Scaler.from_dict(card.scaler)
    if _values(card.keywords) > MOST_KEYWORDS or max(card.context, card.horizon, card.channels) > MOST_FRAMES:
        raise UnsafeError(
            "asks for a larger model than nowcast trains; it was not made",
            needed=f"at most {MOST_KEYWORDS} keywords, and {MOST_FRAMES} frames or channels",
        )
    return card


def _is_sound(card: Card) -> bool:
    return (
        all(type(getattr(card, name)) in kinds for name, kinds in _KINDS.items() if name != "scaler")
        and min(card.channels, card.context, card.horizon) > 0
        and 0 < float(card.time_step_seconds) < math.inf
        and all(grid is None or _is_grid(grid) for grid in [card.grid_step, *card.other_grids])
        and all(isinstance(version, str) for version in card.versions.values())
        and _gaps_good(card)
        and is_record(card.verdict)
    )


def _is_grid(grid: Any) -> bool:
    return (
        isinstance(grid, dict)
        and set(grid) == {"y", "x", "units", "y_rises", "x_rises"}
        and all(type(grid[axis]) in (int, float) and 0 < float(grid[axis]) < math.inf for axis in ("y", "x"))
        and isinstance(grid["units"], str | None)
        and all(isinstance(grid[way], bool) for way in ("y_rises", "x_rises"))
    )


def _values(plain: Any) -> int:
    """Plain values, those in lists and dicts too."""
    inner = plain.values() if isinstance(plain, dict) else plain if isinstance(plain, list) else None
    return 1 if inner is None else 1 + sum(_values(each) for each in inner)


def _gaps_good(card: Card) -> bool:
    """Whether absent frames are treated in a known way, and a model that may lack some is told which."""
    if set(card.gaps) != {"policy", "most"} or type(card.gaps["most"]) is not int:
        return False
    if card.gaps["policy"] == "skip":
        return bool(card.gaps["most"] == 0)
    return card.gaps["policy"] in ("mask", "hold") and card.gaps["most"] > 0 and card.masked
