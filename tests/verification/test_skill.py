"""How forecasters stand to each other: by hand where that is possible, and intervals that hold what they promise."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import xarray as xr

from nowcast.errors import InputError
from nowcast.verification import skill
from nowcast.verification.skill import _stretches, _weights

MINUTE = np.timedelta64(1, "m")
START = np.datetime64("2026-05-01", "ns")


def table(
    squared: np.ndarray, *, minutes: np.ndarray | None = None, leads: int = 2, sequence: list[int] | None = None
) -> xr.Dataset:
    """Sums of squared errors by case and forecaster `(case, forecaster)`, the same at every lead time."""
    cases, forecasters = squared.shape
    minutes = 5 * np.arange(cases) if minutes is None else minutes
    plain = ("forecast_reference_time", "forecaster", "lead_time")
    errors = np.repeat(squared[:, :, None], leads, axis=2)
    events = np.ones((cases, forecasters, leads, 1))
    found = xr.Dataset(
        {
            "squared_error": (plain, errors),
            "distribution_error": (plain, 2 * errors),
            "hits": ((*plain, "threshold"), events * np.arange(1, forecasters + 1)[:, None, None]),
            "misses": ((*plain, "threshold"), events),
            "false_alarms": ((*plain, "threshold"), events * 2),
        },
        coords={
            "forecast_reference_time": START + minutes * MINUTE,
            "forecaster": ["model", "persistence", "advection", "climatology"][:forecasters],
            "lead_time": 5 * np.arange(1, leads + 1) * MINUTE,
            "threshold": [1.0],
        },
    )
    return found if sequence is None else found.assign_coords(sequence=("forecast_reference_time", sequence))


def test_ratios_and_differences_are_of_totals() -> None:
    found = skill(table(np.array([[1.0, 2.0, 8.0], [3.0, 6.0, 8.0]] * 6)), block=5 * MINUTE)
    assert found["mse_ratio"].dims == ("against", "lead_time")
    assert found["csi_difference"].dims == ("against", "lead_time", "threshold")
    assert found["against"].values.tolist() == ["persistence", "advection"]
    np.testing.assert_allclose(found["mse_ratio"], [[0.5, 0.5], [0.25, 0.25]])
    np.testing.assert_allclose(found["crps_ratio"], found["mse_ratio"])
    np.testing.assert_allclose(found["csi_difference"][:, 0, 0], [1 / 4 - 2 / 5, 1 / 4 - 3 / 6])
    # Against persistence every case says the same; against advection they do not.
    np.testing.assert_allclose(found["mse_ratio_low"][0], 0.5)
    np.testing.assert_allclose(found["mse_ratio_high"][0], 0.5)
    assert (found["mse_ratio_low"][1] < 0.24).all()
    assert (found["mse_ratio_high"][1] > 0.26).all()
    assert found.attrs == {
        "level": 0.9,
        "blocks": 12,
        "block_hours": pytest.approx(1 / 12),
        "resamples": 1000,
        "seed": 0,
        "skill_of": "model",
    }
    assert all(found[name].attrs["units"] == "1" for name in found)


def test_blocks_of_one_case_give_the_interval_of_independent_cases() -> None:
    random = np.random.default_rng(3)
    errors = random.gamma(4.0, size=(400, 2))
    errors[:, 1] = 4.0
    found = skill(table(errors), block=5 * MINUTE, resamples=4000, level=0.9)
    half = 1.6449 * errors[:, 0].std() / 20 / 4
    centre = errors[:, 0].mean() / 4
    np.testing.assert_allclose(found["mse_ratio_low"], centre - half, atol=0.07 * half)
    np.testing.assert_allclose(found["mse_ratio_high"], centre + half, atol=0.07 * half)


def autoregressive(random: np.random.Generator, cases: int, memory: float) -> np.ndarray:
    values = np.empty(cases)
    values[0] = random.standard_normal()
    for place in range(1, cases):
        values[place] = memory * values[place - 1] + np.sqrt(1 - memory**2) * random.standard_normal()
    return values


def test_blocks_cover_the_truth_where_single_cases_do_not() -> None:
    random = np.random.default_rng(5)
    covered = {5: 0, 150: 0}
    for _ in range(60):
        errors = np.full((600, 2), 10.0)
        errors[:, 0] += autoregressive(random, 600, 0.8)
        for minutes in covered:
            found = skill(table(errors, leads=1), block=minutes * MINUTE, resamples=200).isel(against=0, lead_time=0)
            covered[minutes] += int(found["mse_ratio_low"] <= 1 <= found["mse_ratio_high"])
    # 90 % is promised, about 88 % come of 20 blocks, and 40 % of single cases.
    assert covered[5] < 36
    assert covered[150] >= 48


def test_few_blocks_still_cover_the_truth() -> None:
    random = np.random.default_rng(6)
    covered = 0
    for _ in range(100):
        errors = np.full((5, 2), 10.0)
        errors[:, 0] += random.standard_normal(5)
        found = skill(table(errors, leads=1), block=5 * MINUTE, resamples=400).isel(against=0, lead_time=0)
        covered += int(found["mse_ratio_low"] <= 1 <= found["mse_ratio_high"])
    # Plain quantiles of the resamples cover it in 82 of these 100.
    assert covered >= 88


def test_every_case_comes_up_equally_often_and_blocks_keep_together() -> None:
    minutes = np.concatenate([5 * np.arange(7), 2000 + 5 * np.arange(40)])
    sums = table(np.ones((47, 2)), minutes=minutes, sequence=[0] * 7 + [1] * 40)
    stretches = _stretches(sums, 50 * MINUTE)
    assert [(len(stretch), size) for stretch, size in stretches] == [(7, 7), (40, 10)]
    drawn = np.concatenate(list(_weights(stretches, 5, resamples=20_000, seed=1)))
    np.testing.assert_allclose(drawn.mean(axis=0), 1, atol=0.05)
    # The short sequence comes as a whole or not at all; the long one in blocks of ten that follow each other.
    assert (drawn[:, :7] == drawn[:, :1]).all()
    assert set(np.unique(drawn[:, 7:].sum(axis=1))) <= {0, 10, 20, 30, 40, 50}
    one = drawn[drawn[:, 7:].sum(axis=1) == 10][:, 7:]
    assert (np.abs(np.diff(one, axis=1, append=one[:, :1])).sum(axis=1) == 2).all()


def test_weights_are_the_same_however_many_are_held_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    errors = np.random.default_rng(0).random((30, 2))
    whole = skill(table(errors))
    monkeypatch.setattr(sys.modules[skill.__module__], "AT_ONCE", 30 * 7)
    xr.testing.assert_identical(skill(table(errors)), whole)


def test_no_block_bridges_sequences_or_long_gaps() -> None:
    clips = table(np.ones((12, 2)), sequence=[0] * 4 + [1] * 4 + [2] * 4)
    assert [len(stretch) for stretch, _ in _stretches(clips, 60 * MINUTE)] == [4, 4, 4]
    # Clips may share their times, and stand in any order.
    shared = table(np.ones((8, 2)), minutes=np.tile(5 * np.arange(4), 2), sequence=[1] * 4 + [0] * 4)
    assert [stretch.tolist() for stretch, _ in _stretches(shared, 60 * MINUTE)] == [[4, 5, 6, 7], [0, 1, 2, 3]]
    gappy = table(np.ones((6, 2)), minutes=np.array([0, 5, 10, 80, 85, 90]))
    assert [len(stretch) for stretch, _ in _stretches(gappy, 60 * MINUTE)] == [3, 3]
    assert [len(stretch) for stretch, _ in _stretches(gappy, 70 * MINUTE)] == [6]


def test_a_block_is_nowhere_shorter_than_asked() -> None:
    uneven = table(np.ones((6, 2)), minutes=np.array([0, 5, 10, 15, 30, 45]))
    [(_, size)] = _stretches(uneven, 20 * MINUTE)
    assert size == 4
    [(_, size)] = _stretches(uneven, np.timedelta64(20 * 60 * 10**9 + 1000, "ns"))
    assert size == 4


def test_the_default_block_is_the_longest_lead_time() -> None:
    assert skill(table(np.ones((40, 2)), leads=6)).attrs["block_hours"] == 0.5
    assert skill(table(np.ones((40, 2)), leads=6)).attrs["blocks"] == 6


def test_below_three_blocks_there_is_no_interval_and_it_is_said_why() -> None:
    few = skill(table(np.array([[1.0, 2.0]] * 20)), block=40 * MINUTE)
    assert few.attrs["blocks"] == 2
    assert few.attrs["interval_left_out"] == "20 reference time(s) make 2 block(s) of 40 min; 3 are needed"
    np.testing.assert_array_equal(few["mse_ratio"], 0.5)
    assert np.isnan(few["mse_ratio_low"]).all()
    assert np.isnan(few["csi_difference_high"]).all()
    assert few["csi_difference_high"].shape == (1, 2, 1)
    enough = skill(table(np.array([[1.0, 2.0]] * 20)), block=30 * MINUTE)
    assert "interval_left_out" not in enough.attrs
    assert np.isfinite(enough["mse_ratio_low"]).all()


def test_what_is_undefined_in_most_resamples_has_no_interval() -> None:
    sums = table(np.ones((30, 2)))
    for name in ("hits", "misses", "false_alarms"):
        sums[name][1:] = 0
    sums["squared_error"][:, 1] = 0
    found = skill(sums, block=5 * MINUTE)
    # An event in one of thirty cases: a resample has it with a chance of 64 %.
    assert np.isfinite(found["csi_difference_low"]).all()
    assert np.isposinf(found["mse_ratio"]).all()
    assert np.isnan(found["mse_ratio_low"]).all()
    sums["hits"][:] = sums["misses"][:] = sums["false_alarms"][:] = 0
    assert np.isnan(skill(sums, block=5 * MINUTE)["csi_difference_low"]).all()


def test_the_seed_decides() -> None:
    sums = table(np.random.default_rng(0).random((50, 2)))
    xr.testing.assert_identical(skill(sums, seed=4), skill(sums, seed=4))
    assert not skill(sums, seed=4)["mse_ratio_low"].equals(skill(sums, seed=5)["mse_ratio_low"])
    wide, narrow = skill(sums, level=0.99), skill(sums, level=0.5)
    assert (wide["mse_ratio_high"] > narrow["mse_ratio_high"]).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"level": 1.0}, "level"),
        ({"level": 90}, "level"),
        ({"resamples": 0}, "resamples"),
        ({"block": 0 * MINUTE}, "block"),
    ],
)
def test_options_that_cannot_be_used_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        skill(table(np.ones((9, 2))), **options)  # type: ignore[arg-type]


def test_sums_that_say_nothing_of_skill_are_refused() -> None:
    with pytest.raises(InputError, match="nobody"):
        skill(table(np.ones((9, 1))))
    with pytest.raises(InputError, match="total"):
        skill(table(np.ones((9, 2))).sum("forecast_reference_time"))
