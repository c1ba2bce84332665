"""How a training goes is told once, and what cannot be is refused before anything begins."""

from __future__ import annotations

import math

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
