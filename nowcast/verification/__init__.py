"""Forecast cubes against the observed cube: scores by forecaster and lead time, on the labelled side.

Scores add: `sums` keeps one row of sums per reference time, `finish` turns any total of such rows into scores, and
`score` is the one after the other.

`matching` finds which forecast frame belongs to which observed one, `cases` goes from one reference time to the next,
`adding` sums up their frames, `finishing` makes scores of sums, `skill` intervals of rows, and `verdict` says what they
come to.
"""

from __future__ import annotations

from nowcast.verification.finishing import HIGHER, LOWER, finish
from nowcast.verification.inputs import inputs, lead_steps
from nowcast.verification.persistence import persistence
from nowcast.verification.score import score, sums
from nowcast.verification.skill import skill
from nowcast.verification.spectrum import log_spectral_distance, power_spectrum
from nowcast.verification.thresholds import default_scales, default_thresholds, require_scorable
from nowcast.verification.verdict import is_record, record, verdict

__all__ = [
    "HIGHER",
    "LOWER",
    "default_scales",
    "default_thresholds",
    "finish",
    "inputs",
    "is_record",
    "lead_steps",
    "log_spectral_distance",
    "persistence",
    "power_spectrum",
    "record",
    "require_scorable",
    "score",
    "skill",
    "sums",
    "verdict",
]
