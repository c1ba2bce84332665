"""The model file: weights and, as plain data, everything that a forecast needs. Loading it executes nothing."""

from __future__ import annotations

from nowcast.model_file.card import Card
from nowcast.model_file.matching import mismatches, require
from nowcast.model_file.storing import load, load_card, parameters, save, versions

__all__ = ["Card", "load", "load_card", "mismatches", "parameters", "require", "save", "versions"]
