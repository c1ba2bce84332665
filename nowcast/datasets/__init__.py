"""Cubes to learn, test and measure with: synthetic ones, of which all is known, and the standard ones by name."""

from __future__ import annotations

from nowcast.datasets.catalogue import DATASETS, open_dataset
from nowcast.datasets.synthetic import advected_echoes, counter, known_motion

__all__ = ["DATASETS", "advected_echoes", "counter", "known_motion", "open_dataset"]
