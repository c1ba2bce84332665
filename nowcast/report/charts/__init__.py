"""Scores, and what is known of a run, as drawings of lines (SVG).

`axes` says where ticks stand, `chart` draws lines over them; `figures`, `distributions`, `learning` and `splitting` are
what is drawn.
"""

from nowcast.report.charts.chart import sample
from nowcast.report.charts.distributions import probability_figures, spectrum_figures
from nowcast.report.charts.figures import (
    Figure,
    clock,
    error_figures,
    event_figures,
    interval_note,
    scale_figures,
    skill_figures,
    style_of,
)
from nowcast.report.charts.learning import learning_figure
from nowcast.report.charts.splitting import moment, split_line, split_told

__all__ = [
    "Figure",
    "clock",
    "error_figures",
    "event_figures",
    "interval_note",
    "learning_figure",
    "moment",
    "probability_figures",
    "sample",
    "scale_figures",
    "skill_figures",
    "spectrum_figures",
    "split_line",
    "split_told",
    "style_of",
]
