"""Balanced errors: weights of Shi et al. by the target's class, and a weighted mean."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from nowcast.errors import InputError
from nowcast.losses import Loss, balanced_mae, balanced_mse, mae, mse

BOTH = pytest.mark.parametrize(("loss", "plain"), [(balanced_mse, mse), (balanced_mae, mae)])


def rate_weight(rate: float) -> float:
    """As the paper writes it, mm/h."""
    if rate < 2:
        return 1
    if rate < 5:
        return 2
    if rate < 10:
        return 5
    return 10 if rate < 30 else 30


def test_with_the_thresholds_of_the_paper_the_weights_are_its_own(pair: Callable) -> None:
    prediction, target, weight = (each.double() for each in pair())
    prediction, target = 40 * prediction, 40 * target
    target[0, 0, 0, 0, :5] = torch.tensor([2.0, 5.0, 10.0, 30.0, 29.999])
    weight[..., 3:6, :] = 0
    observed = weight.numpy() > 0
    error = (prediction - target).numpy()[observed]
    balance = np.vectorize(rate_weight)(target.numpy()[observed])
    found = [
        loss(prediction, target, weight, thresholds=(2, 5, 10, 30)).item() for loss in (balanced_mse, balanced_mae)
    ]
    assert found[0] == pytest.approx((balance * error**2).sum() / balance.sum())
    assert found[1] == pytest.approx((balance * np.abs(error)).sum() / balance.sum())


@BOTH
def test_the_same_error_everywhere_gives_the_number_without_weights(loss: Loss, plain: Loss, pair: Callable) -> None:
    _, target, weight = pair()
    torch.testing.assert_close(loss(target + 0.3, target, weight), plain(target + 0.3, target, weight))


@BOTH
def test_below_every_threshold_nothing_is_weighted(loss: Callable, plain: Loss, pair: Callable) -> None:
    arguments = pair()
    torch.testing.assert_close(loss(*arguments, thresholds=(2.0,)), plain(*arguments))


@BOTH
def test_an_error_costs_more_where_much_is_observed(loss: Loss, plain: Loss) -> None:
    target, weight = torch.tensor([0.1, 0.3, 0.9]).view(1, 1, 1, 1, 3), torch.ones(1, 1, 1, 1, 3)
    costs = [loss(target + 0.1 * step.view_as(target), target, weight).item() for step in torch.eye(3)]
    assert costs == pytest.approx([costs[0], 2 * costs[0], 5 * costs[0]])


def test_weights_depend_on_the_order_of_thresholds_in_no_way_and_end_at_the_fourth(pair: Callable) -> None:
    arguments = pair()
    four = balanced_mse(*arguments, thresholds=(0.2, 0.4, 0.6, 0.8))
    assert balanced_mse(*arguments, thresholds=(0.8, 0.2, 0.6, 0.4)) == four
    assert balanced_mse(*arguments, thresholds=(0.2, 0.4, 0.6, 0.8, 0.9)) == four
    assert balanced_mse(*arguments, thresholds=(0.2, 0.4, 0.6)) != four


@BOTH
def test_thresholds_that_are_none_are_refused(loss: Callable, plain: Loss, pair: Callable) -> None:
    with pytest.raises(InputError, match="thresholds"):
        loss(*pair(), thresholds=())
