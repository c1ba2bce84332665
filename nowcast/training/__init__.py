"""Training by Lightning's Trainer around a plain Forecaster. Forecasting and scoring never import this room."""

from nowcast.training.fit import OPTIMISERS, Budget, Outcome, fit, plan_budget
from nowcast.training.teaching import Curriculum

__all__ = ["OPTIMISERS", "Budget", "Curriculum", "Outcome", "fit", "plan_budget"]
