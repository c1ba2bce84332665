"""The verbs as functions: the one place that sees configuration and every room."""

from __future__ import annotations

from nowcast.run.conversion import convert
from nowcast.run.evaluation import evaluate
from nowcast.run.fitting import fit
from nowcast.run.forecasting import forecast
from nowcast.run.inspection import inspect
from nowcast.run.reporting import report

__all__ = ["convert", "evaluate", "fit", "forecast", "inspect", "report"]
