"""Mixtures: shares, thresholds and lead times."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
import torch

from nowcast.errors import InputError
from nowcast.losses import LOSSES, THRESHOLDED, balanced_mae, csi, fss, mae, mixture, mse, ssim

LEADS = (1.0, 0.5, 0.0)


def test_a_mixture_is_the_sum_of_its_shares(pair: Callable) -> None:
    arguments = pair()
    mixed = mixture({"mse": 2.0, "mae": 0.5, "ssim": 0.1})(*arguments)
    expected = 2 * mse(*arguments) + 0.5 * mae(*arguments) + 0.1 * ssim(*arguments)
    torch.testing.assert_close(mixed, expected)
    assert mixture({"mae": 1.0})(*arguments) == mae(*arguments)


def test_thresholds_go_to_the_losses_that_take_them(pair: Callable) -> None:
    arguments = pair()
    named = {"thresholds": (0.3, 0.7)}
    mixed = mixture({"mse": 1.0, "balanced_mae": 1.0, "csi": 1.0, "fss": 1.0}, **named)(*arguments)
    expected = mse(*arguments) + sum(loss(*arguments, **named) for loss in (balanced_mae, csi, fss))
    torch.testing.assert_close(mixed, expected)


@pytest.mark.parametrize("name", THRESHOLDED)
def test_thresholds_matter_and_have_a_default(name: str, pair: Callable) -> None:
    arguments = pair()
    assert mixture({name: 1.0})(*arguments) == LOSSES[name](*arguments)
    assert mixture({name: 1.0}, thresholds=(0.4,))(*arguments) != LOSSES[name](*arguments)


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


def test_wrong_thresholds_are_refused_before_any_step() -> None:
    with pytest.raises(InputError, match="thresholds"):
        mixture({"csi": 1.0}, thresholds=[])


# Lead times


def test_lead_weights_weigh_the_mean(pair: Callable) -> None:
    prediction, target, weight = pair()
    each = [mse(prediction[:, [lead]], target[:, [lead]], weight[:, [lead]]) for lead in range(2)]
    mixed = mixture({"mse": 1.0}, lead_weights=LEADS)(prediction, target, weight)
    torch.testing.assert_close(mixed, (each[0] + 0.5 * each[1]) / 1.5)


@pytest.mark.parametrize("name", LOSSES)
def test_of_lead_weights_only_the_ratios_count_and_0_leaves_a_lead_time_out(name: str, pair: Callable) -> None:
    prediction, target, weight = pair()
    weight[..., 20, 3] = 0
    mixed = mixture({name: 1.0}, lead_weights=LEADS)(prediction, target, weight)
    torch.testing.assert_close(mixture({name: 1.0}, lead_weights=(1e-3, 5e-4, 0))(prediction, target, weight), mixed)
    prediction[:, 2] = float("nan")
    torch.testing.assert_close(mixture({name: 1.0}, lead_weights=LEADS)(prediction, target, weight[:, :1]), mixed)
    even = mixture({name: 1.0}, lead_weights=(0.2, 0.2))
    both = (prediction[:, :2], target[:, :2], weight[:, :2])
    torch.testing.assert_close(even(*both), LOSSES[name](*both))


@pytest.mark.parametrize("weights", [(1.0, 1.0), (1.0,), (1.0, 1.0, 1.0, 1.0)])
def test_another_number_of_lead_weights_than_lead_times_is_refused(weights: Sequence[float], pair: Callable) -> None:
    loss = mixture({"mse": 1.0}, lead_weights=weights)
    with pytest.raises(InputError, match="each lead time needs a weight") as caught:
        loss(*pair())
    assert f"{len(weights)} lead weights for 3 lead times" in str(caught.value)


@pytest.mark.parametrize("weights", [(), (0.0, 0.0), (1.0, -1.0), (float("nan"), 1.0), (float("inf"),)])
def test_lead_weights_that_weigh_nothing_are_refused(weights: Sequence[float]) -> None:
    with pytest.raises(InputError, match="lead weights must be"):
        mixture({"mse": 1.0}, lead_weights=weights)


def test_of_some_lead_times_each_keeps_its_weight(pair: Callable) -> None:
    prediction, target, weight = pair()
    mixed = mixture({"mse": 1.0}, lead_weights=[1.0, 0.5, 0.25][: target.shape[1]])
    some = [1, target.shape[1]]
    at = [lead - 1 for lead in some]
    part = mixed.at(some)(prediction[:, at], target[:, at], weight[:, at])
    assert mixed.leads is not None
    shares = torch.tensor([mixed.leads[i] for i in at]).view(-1, 1, 1, 1)
    expected = mse(prediction[:, at], target[:, at], weight[:, at] * shares)
    torch.testing.assert_close(part, expected)
    even = mixture({"mse": 1.0})
    assert even.at([2]) is even
