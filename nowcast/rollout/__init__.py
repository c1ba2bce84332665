"""A model, a cube and reference times make a forecast cube: tensors become labelled again, on the source's own grid."""

from __future__ import annotations

from nowcast.rollout.forecasting import HALO, forecast
from nowcast.rollout.references import (
    moment,
    newest_references,
    reference_indices,
    usable_references,
    with_empty_marked,
)

__all__ = [
    "HALO",
    "forecast",
    "moment",
    "newest_references",
    "reference_indices",
    "usable_references",
    "with_empty_marked",
]
