"""Settings: one closed, typed model per room. A file goes in, a resolved copy comes out, flags win over the file.

Configuration stops at `nowcast.run`: the rooms below take plain keywords.
"""

from __future__ import annotations

from nowcast.config.explaining import explained
from nowcast.config.reading import dump, flat, resolve
from nowcast.config.settings import (
    FLAGS,
    LOSSES,
    Data,
    Finite,
    Loading,
    Model,
    Positive,
    PositiveFloat,
    Sampling,
    Scaling,
    Scores,
    Settings,
    Training,
    Windows,
)
from nowcast.config.shipped import shipped, text_of

__all__ = [
    "FLAGS",
    "LOSSES",
    "Data",
    "Finite",
    "Loading",
    "Model",
    "Positive",
    "PositiveFloat",
    "Sampling",
    "Scaling",
    "Scores",
    "Settings",
    "Training",
    "Windows",
    "dump",
    "explained",
    "flat",
    "resolve",
    "shipped",
    "text_of",
]
