"""Soft scores: against literal counts of events in the limit, and smooth before it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from nowcast.errors import InputError
from nowcast.losses import csi, fss

THRESHOLDS = (0.25, 0.5, 0.8)
COLD = 1e-7


def gappy(pair: Callable, shape: tuple[int, ...] = (2, 2, 1, 12, 13)) -> tuple[Tensor, Tensor, Tensor]:
    prediction, target, weight = (each.double() for each in pair(shape))
    weight[torch.rand(shape, generator=torch.Generator().manual_seed(2)) < 0.2] = 0
    return prediction, target, weight


def counted_csi(prediction: Tensor, target: Tensor, weight: Tensor, threshold: float) -> float:
    hits = misses = false_alarms = 0
    for p, o, w in zip(prediction.flatten(), target.flatten(), weight.flatten(), strict=True):
        if w:
            hits += bool(p > threshold and o > threshold)
            misses += bool(p <= threshold and o > threshold)
            false_alarms += bool(p > threshold and o <= threshold)
    return hits / (hits + misses + false_alarms)


def counted_fss(prediction: Tensor, target: Tensor, weight: Tensor, threshold: float, scale: int) -> float:
    squared = worst = 0.0
    frames = (each.flatten(0, 2).numpy() for each in (prediction > threshold, target > threshold, weight > 0))
    for p, o, w in zip(*frames, strict=True):
        for row in range(w.shape[0] - scale + 1):
            for column in range(w.shape[1] - scale + 1):
                window = (slice(row, row + scale), slice(column, column + scale))
                if w[row + scale // 2, column + scale // 2]:
                    forecast, observed = ((each[window] & w[window]).sum() / w[window].sum() for each in (p, o))
                    squared += (forecast - observed) ** 2
                    worst += forecast**2 + observed**2
    return 1 - squared / worst


def test_csi_tends_to_the_count_of_hits_misses_and_false_alarms(pair: Callable) -> None:
    arguments = gappy(pair)
    expected = 1 - np.mean([counted_csi(*arguments, threshold) for threshold in THRESHOLDS])
    away = [
        abs(csi(*arguments, thresholds=THRESHOLDS, temperature=temperature).item() - expected)
        for temperature in (0.3, 0.03, 0.003, COLD)
    ]
    assert away == sorted(away, reverse=True)
    assert away[-1] < 1e-9


@pytest.mark.parametrize("scale", [1, 3, 5, 11])
def test_fss_tends_to_the_score_of_the_fractions_counted(pair: Callable, scale: int) -> None:
    arguments = gappy(pair)
    expected = 1 - np.mean([counted_fss(*arguments, threshold, scale) for threshold in THRESHOLDS])
    found = fss(*arguments, thresholds=THRESHOLDS, temperature=COLD, scale=scale).item()
    assert found == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("loss", [csi, fss])
def test_the_mean_is_over_thresholds_and_one_that_nothing_reaches_loses_nothing(loss: Callable, pair: Callable) -> None:
    arguments = pair()
    one, other = (loss(*arguments, thresholds=(threshold,)) for threshold in (0.3, 0.6))
    torch.testing.assert_close(loss(*arguments, thresholds=(0.6, 0.3)), (one + other) / 2)
    torch.testing.assert_close(loss(*arguments, thresholds=(0.3, 50.0)), one / 2)


@pytest.mark.parametrize("loss", [csi, fss])
def test_one_event_among_many_pixels_still_decides(loss: Callable) -> None:
    target, weight = torch.zeros(1, 1, 1, 512, 512), torch.ones(1, 1, 1, 512, 512)
    target[..., 100, 100] = 1
    assert loss(0 * target, target, weight, temperature=0.01).item() == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("loss", [csi, fss])
@pytest.mark.parametrize("temperature", [1e-6, 0.05, 1.0])
@pytest.mark.parametrize("level", [-1e4, 0.0, 0.25, 0.5, 1e4])
@pytest.mark.parametrize("observed", [-1e4, 0.0, 0.25, 0.5, 1e4])
def test_the_gradient_is_finite_everywhere(loss: Callable, temperature: float, level: float, observed: float) -> None:
    prediction = torch.full((1, 1, 1, 8, 8), level, requires_grad=True)
    found = loss(prediction, torch.full((1, 1, 1, 8, 8), observed), torch.ones(1, 1, 1, 8, 8), temperature=temperature)
    found.backward()
    assert 0 <= found.item() <= 1
    assert prediction.grad is not None
    assert torch.isfinite(prediction.grad).all()


def test_a_near_miss_costs_less_by_fss_and_all_by_csi() -> None:
    target, near, far = torch.zeros(3, 1, 1, 1, 32, 32)
    target[..., 15, 15] = near[..., 15, 17] = far[..., 15, 25] = 1
    weight = torch.ones(1, 1, 1, 32, 32)
    cold = {"temperature": 0.01}
    assert csi(near, target, weight, **cold).item() == pytest.approx(csi(far, target, weight, **cold).item())
    assert fss(far, target, weight, **cold).item() == pytest.approx(1, abs=1e-3)
    assert fss(near, target, weight, **cold).item() < 0.5


@pytest.mark.parametrize("loss", [csi, fss])
@pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan"), float("inf")])
def test_a_temperature_not_above_0_is_refused(loss: Callable, temperature: float, pair: Callable) -> None:
    with pytest.raises(InputError, match="temperature"):
        loss(*pair(), temperature=temperature)


@pytest.mark.parametrize("scale", [0, -3, 2, 15])
def test_windows_that_cannot_be_laid_over_the_frame_are_refused(scale: int, pair: Callable) -> None:
    with pytest.raises(InputError, match="over frames of 13 x 14") as caught:
        fss(*pair((1, 1, 1, 13, 14)), scale=scale)
    assert "from 1 to 13" in str(caught.value)
    fss(*pair((1, 1, 1, 13, 14)), scale=13)
