"""How a training goes is told once, and what cannot be is refused before anything begins."""

from __future__ import annotations

import math
from typing import Any

import pytest

from nowcast.errors import InputError
from nowcast.training.recipe import OPTIMISERS, Recipe


def test_an_unknown_optimiser_is_refused() -> None:
    with pytest.raises(InputError, match="optimiser 'sgd' is not known") as caught:
        Recipe(optimiser="sgd")
    assert all(name in str(caught.value) for name in OPTIMISERS)


@pytest.mark.parametrize("weight", [0.0, -1.0, math.inf, math.nan])
def test_a_discriminator_s_term_counts(weight: float) -> None:
    with pytest.raises(InputError, match="must be above 0"):
        Recipe(adversarial=weight)


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"schedule": "steep"}, "schedule 'steep' is not known"),
        ({"nonfinite": "ignore"}, "nonfinite 'ignore' is not known"),
        ({"ema": 1.0}, "between 0 and 1"),
        ({"ema": 0.0}, "between 0 and 1"),
        ({"accumulate": 0}, "one batch at least"),
        ({"accumulate": 2, "adversarial": 0.1}, "takes a step with each batch"),
    ],
)
def test_what_cannot_be_is_refused(told: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        Recipe(**told)
