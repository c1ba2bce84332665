"""What stands under weight 0 reaches no arithmetic."""

from __future__ import annotations

import pytest
import torch

from nowcast.losses.masking import mean, seen


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_what_is_not_seen_is_0_and_takes_no_gradient(bad: float) -> None:
    prediction = torch.tensor([1.0, bad, 3.0], requires_grad=True)
    target, weight = torch.tensor([1.0, 2.0, bad]), torch.tensor([1.0, 0.0, 0.0])
    shown, truth, counted = seen(prediction, target, weight)
    assert shown.tolist() == truth.tolist() == [1, 0, 0]
    assert counted.tolist() == [1, 0, 0]
    (shown.exp() - truth).sum().backward()
    assert prediction.grad is not None
    assert prediction.grad[1:].tolist() == [0, 0]


@pytest.mark.parametrize("half", [torch.float16, torch.bfloat16])
def test_half_precision_becomes_single_and_nothing_else_changes(half: torch.dtype) -> None:
    for given, expected in ((half, torch.float32), (torch.float32, torch.float32), (torch.float64, torch.float64)):
        tensors = [torch.ones(2, 3, dtype=given) for _ in range(3)]
        assert {each.dtype for each in seen(*tensors)} == {expected}


def test_a_weight_is_stretched_to_the_target() -> None:
    _, _, weight = seen(torch.ones(2, 3, 4), torch.ones(2, 3, 4), torch.ones(2, 1, 4))
    assert weight.shape == (2, 3, 4)


def test_a_mean_is_by_weight_whatever_its_size() -> None:
    values, weight = torch.tensor([1.0, 2.0, float("nan")]), torch.tensor([3.0, 1.0, 0.0])
    for size in (1e-3, 1.0, 1e3):
        assert mean(values, size * weight).item() == pytest.approx(1.25)
    assert mean(values, 0 * weight).item() == 0
