"""Mixtures of losses."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from nowcast.errors import InputError
from nowcast.losses import mae, mixture, mse, ssim


def test_a_mixture_is_the_sum_of_its_shares(pair: Callable) -> None:
    arguments = pair()
    mixed = mixture({"mse": 2.0, "mae": 0.5, "ssim": 0.1})(*arguments)
    expected = 2 * mse(*arguments) + 0.5 * mae(*arguments) + 0.1 * ssim(*arguments)
    torch.testing.assert_close(mixed, expected)
    assert mixture({"mae": 1.0})(*arguments) == mae(*arguments)


@pytest.mark.parametrize(
    ("shares", "said"),
    [
        ({"mze": 1.0}, "loss 'mze' is not known"),
        ({"mse": 1.0, "huber": 1.0}, "loss 'huber' is not known"),
        ({}, "no loss is named"),
        ({"mse": 1.0, "mae": 0.0}, "above 0"),
        ({"mse": -1.0}, "above 0"),
    ],
)
def test_a_mixture_of_nothing_known_is_refused(shares: dict[str, float], said: str) -> None:
    with pytest.raises(InputError, match=said):
        mixture(shares)
