"""The verbs as functions: the one place that sees configuration and every room."""

from __future__ import annotations

from nowcast.run.conversion import convert
from nowcast.run.evaluation import evaluate
from nowcast.run.fitting import fit
from nowcast.run.forecasting import forecast
from nowcast.run.inspection import Inspection, inspect
from nowcast.run.reporting import report
from nowcast.run.trained import TrainedRun, open_run
from nowcast.run.tuning import Tuned, tune

__all__ = [
    "Inspection",
    "TrainedRun",
    "Tuned",
    "convert",
    "evaluate",
    "fit",
    "forecast",
    "inspect",
    "open_run",
    "report",
    "tune",
]
