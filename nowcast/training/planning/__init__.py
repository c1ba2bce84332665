"""What is found out before the first step: how long it may take, at which learning rate, in how much memory."""

from nowcast.training.planning.budget import Budget, plan_budget
from nowcast.training.planning.learning_rate import find_learning_rate
from nowcast.training.planning.memory import free_memory, step_memory

__all__ = ["Budget", "find_learning_rate", "free_memory", "plan_budget", "step_memory"]
