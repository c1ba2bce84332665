"""How training went, as a curve."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from nowcast.report.chart import Series, chart
from nowcast.report.figures import Figure

__all__ = ["learning_figure"]


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
    best = min(rows, key=lambda row: _value(row, "validation", math.inf))
    drawing = chart(
        series,
        alt="Loss by epoch in training and validation, beside persistence",
        x_label="epoch",
        y_label="loss",
        marks=[(epoch, f"{epoch:g}") for epoch in epochs],
    )
    caption = "Loss on scaled values: in training, on the validation part, and of persistence there."
    if math.isfinite(_value(best, "validation")):
        caption += f" The weights kept are those of epoch {best['epoch']:g}."
    return Figure("Learning", drawing, caption)


def _value(row: Mapping[str, Any], name: str, otherwise: float = math.nan) -> float:
    value = row.get(name)
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else otherwise
