"""Which task a recipe asks for."""

from __future__ import annotations

import pytest

from nowcast.losses import mse
from nowcast.models import ConvLSTM
from nowcast.training import Recipe
from nowcast.training.steps.adversarial import Adversarial
from nowcast.training.steps.choice import WARM_UP, task_of
from nowcast.training.steps.supervised import Supervised


@pytest.mark.parametrize(("steps", "warm_up"), [(50, 5), (100_000, WARM_UP)])
def test_a_weight_of_the_discriminators_term_asks_for_one(steps: int, warm_up: int) -> None:
    plain = task_of(ConvLSTM(hidden=(2,)), mse, steps=steps)
    assert isinstance(plain, Supervised)
    judged = task_of(ConvLSTM(hidden=(2,)), mse, recipe=Recipe(adversarial=0.1), steps=steps)
    assert isinstance(judged, Adversarial)
    assert (plain.steps, judged.steps, judged.warm_up) == (steps, steps, warm_up)
