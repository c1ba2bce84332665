"""Training by Lightning's Trainer around a plain Forecaster. Forecasting and scoring never import this room.

`recipe` says how it is to go; `schedule`, `teaching` and `monitor` are parts of it. `planning` is what comes before the
first step, `steps` what one does, `watching` who looks on, `checkpoints` what is kept and taken up. `fit` is all of it
in its order, and `calibration` comes after.
"""

from nowcast.training.calibration import Calibration, calibrate
from nowcast.training.fit import Outcome, fit
from nowcast.training.monitor import Monitor, asked_for
from nowcast.training.planning import Budget, find_learning_rate, free_memory, plan_budget, step_memory
from nowcast.training.recipe import OPTIMISERS, Recipe
from nowcast.training.steps import MOST_LEADS
from nowcast.training.teaching import Curriculum
from nowcast.training.watching import MARKS, Judged, loggers_for

__all__ = [
    "MARKS",
    "MOST_LEADS",
    "OPTIMISERS",
    "Budget",
    "Calibration",
    "Curriculum",
    "Judged",
    "Monitor",
    "Outcome",
    "Recipe",
    "asked_for",
    "calibrate",
    "find_learning_rate",
    "fit",
    "free_memory",
    "loggers_for",
    "plan_budget",
    "step_memory",
]
