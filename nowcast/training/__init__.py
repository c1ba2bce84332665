"""Training by Lightning's Trainer around a plain Forecaster. Forecasting and scoring never import this room."""

from nowcast.training.budget import Budget, plan_budget
from nowcast.training.calibration import Calibration, calibrate
from nowcast.training.finder import find_learning_rate
from nowcast.training.fit import Outcome, fit
from nowcast.training.judging import MARKS, Judged
from nowcast.training.memory import free_memory, step_memory
from nowcast.training.monitor import Monitor, asked_for
from nowcast.training.recipe import OPTIMISERS, Recipe
from nowcast.training.task import MOST_LEADS
from nowcast.training.teaching import Curriculum
from nowcast.training.tracking import loggers_for

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
