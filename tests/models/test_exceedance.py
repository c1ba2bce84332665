"""Frames as channels of chances, and back."""

from __future__ import annotations

import math

import pytest
import torch

from nowcast.errors import InputError
from nowcast.models import Exceedance
from nowcast.models.exceedance import matched, to_linear

THRESHOLDS = (0.2, 0.5, 0.8)
SPREADS = (0.3, 0.4, 0.5, 0.1)


@pytest.mark.parametrize("bend", [0.0, 5.0])
def test_what_is_lifted_comes_back(bend: float) -> None:
    frames = torch.rand(2, 3, 2, 6, 7)
    told = Exceedance(thresholds=THRESHOLDS, spreads=SPREADS, bend=bend)
    lifted = told.lift(frames)
    assert lifted.shape == (2, 3, 2 * (1 + 3), 6, 7)
    assert torch.allclose(told.expected(lifted), frames, atol=1e-5)
    chances = told.chances(lifted)
    assert chances.shape == (2, 3, 3, 2, 6, 7)
    for level, threshold in enumerate(THRESHOLDS):
        assert torch.equal(chances[:, :, level] > 0.5, frames >= threshold)


def test_the_mean_is_that_of_the_field_and_not_of_its_logarithm() -> None:
    bend = math.log(1000)
    scaled = torch.tensor([0.0, 1.0]).view(2, 1, 1, 1, 1)
    told = Exceedance(thresholds=(0.5,), spreads=(0.3, 0.5), bend=bend)
    mean = told.expected(told.lift(scaled).mean(dim=0, keepdim=True))
    assert float(to_linear(mean, bend)) == pytest.approx(0.5, rel=1e-5)


def test_squared_error_of_the_channels_weighs_mean_and_chances_alike() -> None:
    sample = torch.rand(1, 1, 1, 400, 400) ** 2
    spreads = [float(sample.std())]
    spreads += [float((sample >= t).float().std()) for t in THRESHOLDS]
    lifted = Exceedance(thresholds=THRESHOLDS, spreads=spreads).lift(sample)
    variance = lifted.var(dim=(-2, -1)).view(-1)
    assert torch.allclose(variance, torch.tensor([1.0, 1 / 3, 1 / 3, 1 / 3]), rtol=1e-3)


def test_no_chance_is_above_that_of_a_lower_threshold_nor_beyond_zero_and_one() -> None:
    told = Exceedance(thresholds=THRESHOLDS, spreads=SPREADS)
    chances = told.chances(torch.randn(1, 2, 4, 9, 9) * 3)
    assert float(chances.min()) >= 0
    assert float(chances.max()) <= 1
    assert bool((chances[:, :, 1:] <= chances[:, :, :-1]).all())


def test_a_packed_value_beside_a_threshold_reaches_it() -> None:
    told = Exceedance(thresholds=(0.7,), spreads=(1.0, 1.0))
    assert float(told.lift(torch.full((1, 1, 1, 1, 1), 0.7 - 1e-6))[0, 0, 1, 0, 0]) == pytest.approx(1)


@pytest.mark.parametrize(
    "wrong",
    [
        {"thresholds": (), "spreads": (1.0,)},
        {"thresholds": (0.5, 0.5), "spreads": (1.0, 1.0, 1.0)},
        {"thresholds": (0.5, 0.6), "spreads": (1.0, 1.0)},
        {"thresholds": (0.5,), "spreads": (1.0, 0.0)},
        {"thresholds": (0.5,), "spreads": (1.0, 1.0), "bend": -1.0},
        {"thresholds": (float("nan"),), "spreads": (1.0, 1.0)},
    ],
)
def test_what_makes_no_chances_is_refused(wrong: dict[str, tuple[float, ...]]) -> None:
    with pytest.raises(InputError, match="chances need"):
        Exceedance(**wrong)  # type: ignore[arg-type]


def test_a_few_more_pixels_reach_a_threshold_than_are_expected_to_and_the_likeliest() -> None:
    torch.manual_seed(0)
    smooth = torch.nn.functional.avg_pool2d(torch.rand(1, 1, 64, 64), 9, stride=1, padding=4)
    smooth = (smooth - smooth.min()) / (smooth.max() - smooth.min())
    chances = torch.stack([smooth**power for power in (1, 2, 6)], dim=2).view(1, 1, 3, 1, 64, 64)
    seen = torch.ones(64, 64, dtype=torch.bool)
    seen[:, :10] = False
    field = matched(torch.full((1, 1, 1, 64, 64), 0.3), chances, THRESHOLDS, seen)
    for level, threshold in enumerate(THRESHOLDS):
        reached = field[0, 0, 0][seen] >= threshold
        likely = chances[0, 0, level, 0][seen]
        best = likely.sort(descending=True).values
        hits, picked = best.cumsum(0), torch.arange(1, len(best) + 1)
        most = int((hits / (picked + hits[-1] - hits)).argmax()) + 1
        assert int(reached.sum()) == pytest.approx((most * float(likely.sum())) ** 0.5, rel=0.02)
        assert float(likely[reached].min()) >= float(likely[~reached].max())


def test_what_is_sure_keeps_its_area_and_equal_chances_are_ranked_by_the_mean() -> None:
    chances = torch.zeros(1, 1, 1, 1, 20, 20)
    chances[..., :5, :] = 1.0
    seen = torch.ones(20, 20, dtype=torch.bool)
    field = matched(torch.zeros(1, 1, 1, 20, 20), chances, (0.5,), seen)[0, 0, 0]
    assert torch.equal(field >= 0.5, chances[0, 0, 0, 0] > 0)
    even = torch.full((1, 1, 1, 1, 20, 20), 0.2)
    mean = torch.linspace(0, 0.6, 400).view(1, 1, 1, 20, 20)
    reached = (matched(mean, even, (0.5,), seen)[0, 0, 0] >= 0.5).view(-1)
    assert bool(reached[-1])
    assert not bool(reached[0])
    assert bool((reached[1:] >= reached[:-1]).all())


def test_between_thresholds_stands_the_mean_and_what_is_not_seen_keeps_it() -> None:
    mean = torch.tensor([[0.1, 0.3, 0.9, 0.4]]).view(1, 1, 1, 1, 4)
    chances = torch.tensor([[0.0, 1.0, 1.0, 1.0], [0.0, 0.0, 1.0, 1.0], [0.0, 0.0, 0.0, 0.0]]).view(1, 1, 3, 1, 1, 4)
    seen = torch.tensor([[True, True, True, False]])
    field = matched(mean, chances, THRESHOLDS, seen)[0, 0, 0, 0]
    assert torch.allclose(field, torch.tensor([0.1, 0.3, 0.8, 0.4]), atol=1e-4)
    assert float(field[2]) < 0.8


def test_a_window_of_little_counts_as_much_as_one_of_much() -> None:
    sample = torch.rand(1, 1, 1, 60, 60)
    spreads = [float(sample.std())] + [float((sample >= t).float().std()) for t in THRESHOLDS]
    told = Exceedance(thresholds=THRESHOLDS, spreads=spreads)
    seen = torch.ones_like(sample)
    usual = told.stakes(sample, seen)
    assert usual.shape == (1, 1, 4, 1, 1)
    torch.testing.assert_close(usual, torch.ones_like(usual), rtol=0.04, atol=0)
    assert float(told.stakes(sample / 2, seen)[0, 0, 0]) == pytest.approx(2.0 / (1 + 4 / 4.5**2) ** 0.5, rel=0.01)
    assert float(told.stakes(torch.zeros_like(sample), seen).max()) == pytest.approx(4.5, rel=1e-3)
    half = seen.clone()
    half[..., :30] = 0
    spoilt = torch.where(half > 0, sample, 1e6)
    torch.testing.assert_close(told.stakes(spoilt, half), told.stakes(torch.where(half > 0, sample, 0), half))
