"""What every loss keeps: perfect is least, gradients are right, what is missing counts nowhere, not even in them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from nowcast.losses import LOSSES, Loss

EACH = pytest.mark.parametrize("name", LOSSES)
BAD = pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
WHERE = pytest.mark.parametrize("where", ["target", "prediction"])

SHAPES = st.sampled_from([(1, 2, 1, 11, 13), (2, 1, 2, 22, 25), (1, 1, 1, 44, 45)])
SEEDS = st.integers(0, 2**32 - 1)


def loss_and_gradient(loss: Loss, prediction: Tensor, target: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    prediction = prediction.detach().clone().requires_grad_()
    found = loss(prediction, target, weight)
    found.backward()
    assert found.shape == ()
    assert prediction.grad is not None
    return found.detach(), prediction.grad


@EACH
def test_a_perfect_forecast_loses_nothing_and_a_worse_one_loses_more(name: str, pair: Callable) -> None:
    prediction, target, weight = pair()
    loss = LOSSES[name]
    perfect, good, bad = (loss(p, target, weight).item() for p in (target, prediction, 1 - target))
    assert perfect == pytest.approx(0, abs=1e-6)
    assert perfect + 1e-3 < good < bad


@EACH
@settings(max_examples=15)
@given(shape=SHAPES, seed=SEEDS, share=st.floats(0, 1), noise=st.floats(0.05, 10))
def test_perfect_is_least_whatever_is_missing(
    name: str, pair: Callable, shape: tuple[int, ...], seed: int, share: float, noise: float
) -> None:
    prediction, target, weight = pair(shape, seed)
    random = torch.Generator().manual_seed(seed)
    prediction += noise * torch.randn(shape, generator=random)
    assert LOSSES[name](prediction, target, weight) > 1e-5
    weight[torch.rand(shape, generator=random) < share**4] = 0
    perfect, gradient = loss_and_gradient(LOSSES[name], target, target, weight)
    assert perfect.item() == pytest.approx(0, abs=1e-6)
    assert torch.isfinite(gradient).all()
    assert LOSSES[name](prediction, target, weight) >= perfect - 1e-6


@EACH
@settings(max_examples=15)
@given(shape=SHAPES, seed=SEEDS, share=st.floats(0.001, 1))
def test_missing_values_may_be_any_and_change_places(
    name: str, pair: Callable, shape: tuple[int, ...], seed: int, share: float
) -> None:
    prediction, target, weight = pair(shape, seed)
    random = torch.Generator().manual_seed(seed)
    missing = torch.rand(shape, generator=random) < share**4
    weight[missing] = 0
    clean = loss_and_gradient(LOSSES[name], prediction, target, weight)
    wild = torch.tensor([float("nan"), float("inf"), -float("inf"), 1e30])
    for values in (prediction, target):
        held = values[missing]
        held[::2] = wild[torch.randint(4, held[::2].shape, generator=random)]
        values[missing] = held[torch.randperm(len(held), generator=random)]
    for found, expected in zip(loss_and_gradient(LOSSES[name], prediction, target, weight), clean, strict=True):
        assert torch.equal(found, expected)


@EACH
def test_without_any_observed_pixel_the_loss_is_0_and_so_is_the_gradient(name: str, pair: Callable) -> None:
    prediction, target, weight = pair()
    loss, gradient = loss_and_gradient(LOSSES[name], prediction, target, 0 * weight)
    assert loss.item() == 0
    assert (gradient == 0).all()


@EACH
def test_a_missing_pixel_takes_no_gradient_and_leaves_the_others_theirs(name: str, pair: Callable) -> None:
    prediction, target, weight = pair()
    weight[:, :, :, 3, 4] = 0
    _, gradient = loss_and_gradient(LOSSES[name], prediction, target, weight)
    assert (gradient[:, :, :, 3, 4] == 0).all()
    assert (gradient[:, :, :, 18, 12] != 0).all()


@EACH
@BAD
@WHERE
def test_what_stands_in_a_missing_pixel_changes_neither_value_nor_gradient(
    name: str, bad: float, where: str, pair: Callable
) -> None:
    prediction, target, weight = pair()
    weight[:, :, :, 3, 4] = 0
    clean = loss_and_gradient(LOSSES[name], prediction, target, weight)
    (target if where == "target" else prediction)[:, :, :, 3, 4] = bad
    for found, expected in zip(loss_and_gradient(LOSSES[name], prediction, target, weight), clean, strict=True):
        assert torch.isfinite(found).all()
        torch.testing.assert_close(found, expected)


@EACH
def test_one_weight_serves_all_channels(name: str, pair: Callable) -> None:
    prediction, target, weight = pair((2, 2, 3, 12, 12))
    weight[..., :1] = 0
    loss = LOSSES[name]
    torch.testing.assert_close(loss(prediction, target, weight[:, :, :1]), loss(prediction, target, weight))


@EACH
def test_the_number_depends_neither_on_the_batch_nor_on_the_unit_of_the_weight(name: str, pair: Callable) -> None:
    prediction, target, weight = pair()
    weight[:, :, :, 3, 4] = 0
    once = LOSSES[name](prediction, target, weight)
    torch.testing.assert_close(LOSSES[name](*(torch.cat([each, each]) for each in (prediction, target, weight))), once)
    torch.testing.assert_close(LOSSES[name](prediction, target, 1e-4 * weight), once)


@EACH
def test_the_gradient_is_that_of_differences(name: str, pair: Callable) -> None:
    prediction, target, weight = (each.double() for each in pair((1, 2, 1, 24, 22)))
    weight[:, 1, :, :, 0] = 0
    prediction.requires_grad_()
    assert torch.autograd.gradcheck(
        lambda forecast: LOSSES[name](forecast, target, weight), (prediction,), fast_mode=True
    )


@EACH
@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_any_precision_gives_the_loss_of_its_values(name: str, kind: torch.dtype, pair: Callable) -> None:
    prediction, target, weight = (each.to(kind) for each in pair())
    weight[:, :, :, 3, 4] = 0
    expected = LOSSES[name](prediction.double(), target.double(), weight.double()).item()
    loss, gradient = loss_and_gradient(LOSSES[name], prediction, target, weight)
    assert loss.item() == pytest.approx(expected, abs=1e-5)
    assert gradient.dtype == kind
    assert torch.isfinite(gradient).all()


@EACH
def test_mixed_precision_around_a_loss_does_not_reach_into_it(name: str, pair: Callable) -> None:
    arguments = pair()
    with torch.autocast("cpu", torch.bfloat16):
        found = LOSSES[name](*arguments)
    torch.testing.assert_close(found, LOSSES[name](*arguments))


@EACH
@pytest.mark.parametrize("level", [-3.0, 0.0, 0.25, 0.5, 1.0, 1e4])
def test_the_gradient_is_finite_on_fields_of_one_value(name: str, level: float, pair: Callable) -> None:
    _, target, weight = pair()
    for truth in (target, 0 * target, 0 * target + 0.5):
        loss, gradient = loss_and_gradient(LOSSES[name], torch.full_like(target, level), truth, weight)
        assert torch.isfinite(loss)
        assert torch.isfinite(gradient).all()
