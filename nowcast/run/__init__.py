"""The verbs as functions: the one place that sees configuration and every room."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nowcast.run.conversion import convert as convert
    from nowcast.run.evaluation import evaluate as evaluate
    from nowcast.run.fitting import fit as fit
    from nowcast.run.forecasting import forecast as forecast
    from nowcast.run.inspection import Inspection as Inspection
    from nowcast.run.inspection import inspect as inspect
    from nowcast.run.reporting import report as report
    from nowcast.run.trained import TrainedRun as TrainedRun
    from nowcast.run.trained import open_run as open_run
    from nowcast.run.tuning import Tuned as Tuned
    from nowcast.run.tuning import tune as tune

_HOMES = {
    "convert": "conversion",
    "evaluate": "evaluation",
    "fit": "fitting",
    "forecast": "forecasting",
    "Inspection": "inspection",
    "inspect": "inspection",
    "report": "reporting",
    "TrainedRun": "trained",
    "open_run": "trained",
    "Tuned": "tuning",
    "tune": "tuning",
}
"""Loaded when first asked for: to look at a file or to convert one, torch is not needed."""

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


if not TYPE_CHECKING:  # so that a misspelt name is seen by who checks types

    def __getattr__(name: str) -> Any:
        if name in _HOMES:
            return getattr(import_module(f"nowcast.run.{_HOMES[name]}"), name)
        raise AttributeError(f"module 'nowcast.run' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
