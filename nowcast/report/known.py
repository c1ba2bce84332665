"""What there is to tell of a run: scores cube by cube, and beside them what was trained on what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import xarray as xr

from nowcast.report.verdicts import verdict

__all__ = ["Known", "Part", "sentences"]

UNSCORED = "Not scored: it has no test part. How good it is can be seen on another event alone."


@dataclass(frozen=True)
class Part:
    """What is known of one cube that a model was scored on.

    Attributes
    ----------
    scores
        From `nowcast.fit` or `nowcast.evaluate`; any score may be lacking. None: it has no test part.
    audit
        What `split.json` holds.
    cases
        What `cases.nc` holds.
    """

    scores: xr.Dataset | None
    audit: Mapping[str, Any] | None = None
    cases: xr.Dataset | None = None


@dataclass(frozen=True)
class Known:
    """What a page tells beside scores.

    Attributes
    ----------
    facts
        The model card: what was trained on what, as names and texts.
    history
        Rows of `history.jsonl`.
    commands
        What to type to have the same again.
    made
        One line about when and by what the page was made.
    """

    facts: Mapping[str, str] = field(default_factory=dict)
    history: Sequence[Mapping[str, Any]] = ()
    commands: Sequence[str] = ()
    made: str = ""


def sentences(scores: xr.Dataset | None) -> list[str]:
    """The verdict, the worst news first, where there is something to compare."""
    if scores is None:
        return [UNSCORED]
    names = [str(name) for name in scores["forecaster"].values]
    if "mse" in scores and len(names) > 1:
        return [line.removesuffix(".") + "." for line in verdict(scores).splitlines()]
    return [f"Scores of {', '.join(names)}."]
