"""Which windows are trained on how often, and in which positions. Evaluation never comes here: it is unweighted.

Most of what a radar sees is dry and most of what a microscope sees stands still. A statistic of each window tells how
much happens in it; windows are drawn by that, none more than once an epoch, and the dull ones keep a floor.
"""

from __future__ import annotations

from nowcast.sampling.drawing import draw, probabilities
from nowcast.sampling.index import EventIndex, event_index
from nowcast.sampling.statistics import STATISTICS, choose
from nowcast.sampling.symmetries import Symmetry, symmetries

__all__ = [
    "STATISTICS",
    "EventIndex",
    "Symmetry",
    "choose",
    "draw",
    "event_index",
    "probabilities",
    "symmetries",
]
