"""Cubes to learn, test and measure with. So far the synthetic ones: what happens in them is known exactly."""

from __future__ import annotations

from nowcast.datasets.synthetic import advected_echoes, counter, known_motion

__all__ = ["advected_echoes", "counter", "known_motion"]
