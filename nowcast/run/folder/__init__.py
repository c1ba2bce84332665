"""The folder of a run: what lies in it, how it is begun, and what it tells when it is read again."""

from __future__ import annotations

from nowcast.run.folder.layout import (
    BEGUN,
    CASES,
    CIRCUMSTANCES,
    CONFIG,
    EVENTS,
    HISTORY,
    MODEL,
    MODEL_CARD,
    PICTURE,
    RUNS,
    SCORES,
    SPLIT,
    VERDICT,
    begin,
    history,
    numbered,
    place,
    require_own,
    steps_taken,
)

__all__ = [
    "BEGUN",
    "CASES",
    "CIRCUMSTANCES",
    "CONFIG",
    "EVENTS",
    "HISTORY",
    "MODEL",
    "MODEL_CARD",
    "PICTURE",
    "RUNS",
    "SCORES",
    "SPLIT",
    "VERDICT",
    "begin",
    "history",
    "numbered",
    "place",
    "require_own",
    "steps_taken",
]
