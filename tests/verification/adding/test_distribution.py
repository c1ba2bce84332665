"""Probabilities against `scores` and by hand; the distribution is piecewise linear with a point at its lowest value."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from scores.probability import PitFcstAtObs, brier_score, crps_cdf

from nowcast.verification.adding.distribution import (
    Knots,
    brier_sum,
    crps_sum,
    point_ranks,
    probability_at,
    ranks,
    reliability_sums,
)

KNOTS = Knots(0.0, np.array([0.1, 1.0, 5.0]), 20.0)


def drawn(seed: int, pixels: int = 40) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities that fall from threshold to threshold `(level, pixel)`, and observations on and off the knots."""
    random = np.random.default_rng(seed)
    probability = np.sort(random.random((3, pixels)), axis=0)[::-1].astype("float32")
    probability[:, :4] = [[0, 1, 1, 0.5], [0, 1, 0, 0.5], [0, 1, 0, 0.5]]
    observed = random.gamma(0.5, 6.0, pixels)
    observed[: pixels // 2] = random.choice([0.0, 0.05, 0.1, 1.0, 5.0, 20.0, 25.0, -0.3], pixels // 2)
    return probability, observed


def as_library(probability: np.ndarray, knots: Knots = KNOTS) -> xr.DataArray:
    """Its cumulative distribution as `scores` wants it: the point at `lowest` is a rise within 1e-10."""
    below = 1 - probability.astype(float)
    rows = [np.zeros_like(below[0]), below[0], *below, np.ones_like(below[0])]
    where = [knots.lowest - 1e-10, knots.lowest, *knots.levels, knots.highest]
    return xr.DataArray(rows, coords={"threshold": where}, dims=("threshold", "pixel"))


@pytest.mark.filterwarnings("ignore:numba is not available")
@settings(max_examples=5)
@given(st.integers(0, 10_000))
def test_the_ranked_probability_score_is_that_of_scores(seed: int) -> None:
    probability, observed = drawn(seed)
    # `scores` integrates from the first threshold to the last: further ones stand outside of all that was observed.
    cdf = as_library(probability)
    cdf = cdf.reindex(threshold=[-9, *cdf["threshold"].values, 99])
    cdf[0], cdf[-1] = 0, 1
    expected = crps_cdf(cdf, xr.DataArray(observed, dims="pixel"), preserve_dims="pixel")["total"].values
    found = [crps_sum(probability[:, [pixel]], KNOTS, observed[[pixel]]) for pixel in range(len(observed))]
    np.testing.assert_allclose(found, expected, atol=1e-8)


def test_the_score_of_pixels_adds() -> None:
    probability, observed = drawn(3)
    parts = [crps_sum(probability[:, [i]], KNOTS, observed[[i]]) for i in range(len(observed))]
    assert crps_sum(probability, KNOTS, observed) == pytest.approx(sum(parts), rel=1e-12)
    assert crps_sum(probability[:, :0], KNOTS, observed[:0]) == 0


def test_the_ranked_probability_score_by_hand() -> None:
    certain_dry = np.zeros((3, 1))
    assert crps_sum(certain_dry, KNOTS, np.array([3.0])) == pytest.approx(3)
    assert crps_sum(certain_dry, KNOTS, np.array([0.0])) == 0
    # Uniform from 5 to 20, and 12.5 observed: 15 * (1/24 + 1/24).
    uniform = np.ones((3, 1))
    assert crps_sum(uniform, KNOTS, np.array([12.5])) == pytest.approx(15 / 12)
    assert crps_sum(uniform, KNOTS, np.array([30.0])) == pytest.approx(15 / 3 + 10)
    assert crps_sum(uniform, KNOTS, np.array([-1.0])) == pytest.approx(6 + 15 / 3)


def test_probabilities_between_thresholds() -> None:
    probability = np.array([[0.8], [0.6], [0.3]], dtype="float32")

    def at(threshold: float) -> float:
        return float(probability_at(probability, KNOTS, threshold)[0])

    assert at(0.0) == at(-1.0) == 1
    assert at(0.05) == at(0.1) == np.float32(0.8)
    assert at(1.0) == np.float32(0.6)
    assert at(float(np.float32(0.1))) == np.float32(0.8)
    assert at(3.0) == pytest.approx(0.45)
    assert at(0.55) == pytest.approx(0.7)
    assert at(12.5) == pytest.approx(0.15)
    assert at(20.0) == at(21.0) == 0


def test_the_brier_score_is_that_of_scores() -> None:
    random = np.random.default_rng(2)
    probability, event = random.random(500), random.random(500) < 0.3
    expected = brier_score(xr.DataArray(probability, dims="pixel"), xr.DataArray(event.astype(float), dims="pixel"))
    assert brier_sum(probability, event) / 500 == pytest.approx(float(expected), rel=1e-12)


def test_reliability_by_hand() -> None:
    probability = np.array([0.0, 0.05, 0.1, 0.95, 1.0, 1.0])
    event = np.array([False, True, True, False, True, True])
    forecasts, events, summed = reliability_sums(probability, event)
    assert forecasts.tolist() == [2, 1, 0, 0, 0, 0, 0, 0, 0, 3]
    assert events.tolist() == [1, 1, 0, 0, 0, 0, 0, 0, 0, 2]
    np.testing.assert_allclose(summed, [0.05, 0.1, 0, 0, 0, 0, 0, 0, 0, 2.95])


@settings(max_examples=15)
@given(st.integers(0, 10_000))
def test_ranks_are_those_of_scores(seed: int) -> None:
    probability, observed = drawn(seed)
    below = observed.astype("float32") < np.float32(0.1)
    upper = np.array(
        [
            np.interp(value, [0, *KNOTS.levels, 20], [1 - chance[0], *(1 - chance), 1])
            for value, chance in zip(observed, probability.T.astype(float), strict=True)
        ]
    )
    lower = np.where(below, 0, upper)
    upper = np.where(below, 1 - probability[0].astype(float), upper)
    # At a border between bins, and where probabilities are 0 or 1, both count alike only off it.
    inside = np.abs(upper * 10 - np.rint(upper * 10)) > 1e-6
    inside |= below & (upper > 0)
    expected = PitFcstAtObs(
        xr.DataArray(upper[inside], dims="pixel"), fcst_at_obs_left=xr.DataArray(lower[inside], dims="pixel")
    ).hist_values(10)
    found = ranks(probability[:, inside], KNOTS, observed[inside])
    np.testing.assert_allclose(found / inside.sum(), expected, atol=1e-6)


def test_every_observation_has_one_rank() -> None:
    probability, observed = drawn(8, 200)
    assert ranks(probability, KNOTS, observed).sum() == pytest.approx(200)
    dry = np.array([[0.75], [0.0], [0.0]])
    # A quarter of the probability is the point: its interval ends in the middle of the third bin.
    np.testing.assert_allclose(ranks(dry, KNOTS, np.zeros(1)), [0.4, 0.4, 0.2, *[0] * 7], atol=1e-12)
    assert ranks(np.ones((3, 1)), KNOTS, np.zeros(1)).tolist() == [1, *[0] * 9]
    assert ranks(np.ones((3, 1)), KNOTS, np.array([25.0])).tolist() == [*[0] * 9, 1]


def test_a_calibrated_forecast_has_a_flat_histogram() -> None:
    random = np.random.default_rng(0)
    probability, _ = drawn(1, 100_000)
    reach = random.random(100_000)
    knots = [*KNOTS.levels, 20.0]
    observed = np.zeros(100_000)
    for place in range(3):
        start = probability[place]
        end = probability[place + 1] if place < 2 else np.zeros_like(start)
        here = (reach < start) & (reach >= end)
        share = (start - reach)[here] / (start - end)[here]
        observed[here] = knots[place] + share * (knots[place + 1] - knots[place])
    found = ranks(probability, KNOTS, observed)
    np.testing.assert_allclose(found, 10_000, rtol=0.04)


def test_ranks_of_a_deterministic_forecast() -> None:
    found = point_ranks(np.array([1.0, 1.0, 1.0, 1.0]), np.array([0.0, 1.0, 2.0, 3.0]))
    np.testing.assert_allclose(found, [1.1, *[0.1] * 8, 2.1])
