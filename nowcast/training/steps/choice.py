"""The task that a recipe asks for."""

from __future__ import annotations

from nowcast.losses import Loss
from nowcast.models import Forecaster
from nowcast.training.recipe import PLAIN, Recipe
from nowcast.training.steps.adversarial import Adversarial
from nowcast.training.steps.supervised import Supervised
from nowcast.training.steps.task import Task

__all__ = ["task_of"]

WARM_UP = 100
"""Steps of an adversarial training with the loss alone, or a tenth of all, whichever is less."""


def task_of(forecaster: Forecaster, loss: Loss, *, recipe: Recipe = PLAIN, steps: int = 1000) -> Task:
    """The task that a training is; `steps` are all that it takes."""
    if recipe.adversarial is None:
        return Supervised(forecaster, loss, recipe=recipe, steps=steps)
    return Adversarial(forecaster, loss, recipe=recipe, steps=steps, warm_up=min(WARM_UP, steps // 10))
