"""How training went, as a curve."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from nowcast.report.charts.chart import Series, chart
from nowcast.report.charts.figures import Figure
from nowcast.verification import HIGHER

__all__ = ["learning_figure"]

STILL = " of persistence"
"""How the column of persistence's score ends, beside that of a score that was asked for."""


def learning_figure(history: Sequence[Mapping[str, Any]]) -> Figure | None:
    """Loss in training and on the validation part, beside what persistence has there; `history.jsonl`, row by row."""
    rows = [row for row in history if isinstance(row.get("epoch"), int | float)]
    if not rows:
        return None
    epochs = [float(row["epoch"]) for row in rows]
    series = [
        Series(name, epochs, [_value(row, name) for row in rows], style)
        for name, style in (("validation", 0), ("training", 3), ("persistence", 1))
        if any(math.isfinite(_value(row, name)) for row in rows)
    ]
    if not series:
        return None
    drawing = chart(
        series,
        alt="Loss by epoch in training and validation, beside persistence",
        x_label="epoch",
        y_label="loss",
        marks=[(epoch, f"{epoch:g}") for epoch in epochs],
    )
    caption = "Loss on scaled values: in training, on the validation part, and of persistence there."
    kept = _kept(rows)
    if kept is not None:
        caption += f" The weights kept are those of epoch {kept:g}."
    return Figure("Learning", drawing, caption)


def _kept(rows: Sequence[Mapping[str, Any]]) -> float | None:
    """The epoch of the best validation loss, or of the best score where one was asked for; None where nothing tells it.

    Against a discriminator nothing does: there only those of the second half of all steps are compared.
    """
    if any("discriminator" in row for row in rows):
        return None
    scores = [name.removesuffix(STILL) for row in rows for name in row if name.endswith(STILL)]
    by = scores[0] if scores else "validation"
    judged = [(_value(row, by), float(row["epoch"])) for row in rows if math.isfinite(_value(row, by))]
    if not judged:
        return None
    best = max if by.split("@")[0].lower() in HIGHER else min
    return best(judged, key=lambda each: each[0])[1]


def _value(row: Mapping[str, Any], name: str) -> float:
    value = row.get(name)
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else math.nan
