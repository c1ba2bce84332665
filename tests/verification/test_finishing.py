"""What sums come to, against `scores` and numpy on the same arrays."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import xarray as xr
from scores.categorical import ThresholdEventOperator
from scores.continuous import additive_bias
from scores.continuous.correlation import pearsonr
from scores.probability import brier_score, crps_cdf

from nowcast import products
from nowcast.verification import finish, power_spectrum, score, sums

THRESHOLDS = [0.1, 0.5, 2.0]
OPTIONS = {"thresholds": THRESHOLDS, "scales": [1, 3], "data_range": 10.0}


@pytest.mark.filterwarnings("ignore:numba is not available")
def test_scores_are_those_of_the_library(scene_maker: Callable[..., object]) -> None:
    scene = scene_maker(side=12, seed=5)
    observed = scene.observed.copy(deep=True)
    observed[:, :, 3, 3:6] = np.nan
    found = score({"model": scene.probabilistic, "persistence": scene.deterministic}, observed, **OPTIONS)
    truth = scene._replace(observed=observed).truth.astype(float)
    keep = {"preserve_dims": "lead_time"}
    for name, forecast in (("model", scene.probabilistic), ("persistence", scene.deterministic)):
        here = found.sel(forecaster=name)
        mean = products.mean(forecast).astype(float).where(np.isfinite(truth))
        matched = products.matched(forecast).astype(float).where(np.isfinite(truth))
        np.testing.assert_allclose(here["bias"], additive_bias(mean, truth, **keep), atol=1e-6)
        np.testing.assert_allclose(here["correlation"], pearsonr(mean, truth, **keep), atol=1e-6)
        for threshold in THRESHOLDS:
            level = np.float32(threshold)
            table = ThresholdEventOperator().make_contingency_manager(matched, truth, event_threshold=level)
            expected = table.transform(**keep).heidke_skill_score()
            np.testing.assert_allclose(here["hss"].sel(threshold=threshold), expected, atol=1e-6)
            chance = products.probability(forecast)
            chance = (mean >= level).astype(float) if chance is None else chance.sel(threshold=threshold, drop=True)
            event = (truth >= level).astype(float).where(np.isfinite(truth))
            expected = brier_score(chance.astype(float), event, **keep)
            np.testing.assert_allclose(here["brier"].sel(threshold=threshold), expected, atol=1e-6)
    probability = products.probability(scene.probabilistic)
    assert probability is not None
    below = (1 - probability.astype(float)).transpose("threshold", ...)
    # The point at 0 is a rise within 1e-10, and beyond 10 and below -1 nothing is left.
    knots = [-1.0, -1e-10, 0.0, *probability["threshold"].values, 10.0, 99.0]
    rows = [0 * below[0], 0 * below[0], below[0], *below, 0 * below[0] + 1, 0 * below[0] + 1]
    cdf = xr.concat([row.drop_vars("threshold") for row in rows], "threshold").assign_coords(threshold=knots)
    cdf = cdf.where(np.isfinite(truth))
    np.testing.assert_allclose(found["crps"][0], crps_cdf(cdf, truth, **keep)["total"], atol=1e-6)
    np.testing.assert_array_equal(found["crps"][1], found["mae"][1])


def test_reliability_and_ranks_by_hand(scene_maker: Callable[..., object]) -> None:
    scene = scene_maker(seed=6)
    found = score(scene.forecasts, scene.observed, **OPTIONS)
    probability = products.probability(scene.probabilistic)
    assert probability is not None
    chance = probability.sel(threshold=0.5).isel(lead_time=1).values
    event = scene.truth.isel(lead_time=1).values >= np.float32(0.5)
    here = found.sel(forecaster="model", threshold=0.5).isel(lead_time=1)
    for place in range(10):
        within = (chance >= place / 10) & ((chance < (place + 1) / 10) | (place == 9))
        assert here["reliability_forecasts"][place] == within.sum()
        np.testing.assert_allclose(here["reliability"][place], event[within].mean() if within.any() else np.nan)
        np.testing.assert_allclose(
            here["reliability_probability"][place], chance[within].mean() if within.any() else np.nan, rtol=1e-6
        )
    assert here["probability_bin"].values.tolist() == pytest.approx(np.arange(0.05, 1, 0.1).tolist())
    certain = found.sel(forecaster="persistence", threshold=0.5).isel(lead_time=1)
    said = scene.deterministic.isel(lead_time=1).values >= np.float32(0.5)
    assert certain["reliability_forecasts"].values.tolist() == [(~said).sum(), *[0] * 8, said.sum()]
    np.testing.assert_allclose(certain["reliability"][[0, -1]], [event[~said].mean(), event[said].mean()])
    np.testing.assert_allclose(certain["reliability_probability"][[0, -1]], [0, 1])
    np.testing.assert_allclose(found["rank_histogram"].sum("rank_bin"), 1)
    np.testing.assert_allclose(found["rank_histogram"][1, 1], _ranks(scene.deterministic, scene.truth)[1])


def _ranks(forecast: xr.DataArray, truth: xr.DataArray) -> np.ndarray:
    dims = ("forecast_reference_time", "channel", "y", "x")
    less, more = (truth < forecast).mean(dims).values, (truth > forecast).mean(dims).values
    found = np.repeat(((1 - less - more) / 10)[:, None], 10, axis=1)
    found[:, 0] += less
    found[:, -1] += more
    return found


def test_correlation_holds_far_from_zero_and_is_undefined_without_variance(scene_maker: Callable[..., object]) -> None:
    scene = scene_maker(seed=7)
    warm = scene.observed.astype(float) * 1e-3 + 280
    held = scene.deterministic.astype(float) * 1e-3 + 280
    warm.attrs, held.attrs = scene.observed.attrs, scene.deterministic.attrs
    found = score({"a": held}, warm, thresholds=[280.001], scales=[1], data_range=1.0)
    expected = score({"a": scene.deterministic}, scene.observed, thresholds=[1.0], scales=[1], data_range=1.0)
    np.testing.assert_allclose(found["correlation"], expected["correlation"], rtol=1e-8)
    flat = held.copy(data=np.full(held.shape, 280.1))
    assert np.isnan(score({"a": flat}, warm, thresholds=[280.0], scales=[1])["correlation"]).all()


def test_spectra_are_the_mean_of_those_of_the_frames(scene_maker: Callable[..., object]) -> None:
    scene = scene_maker(side=34, seed=8)
    found = score(scene.forecasts, scene.observed, **OPTIONS)
    assert found.attrs["spectrum_area"] == [0, 34, 0, 36]
    assert "spectrum_left_out" not in found.attrs
    pooled = ("forecast_reference_time", "channel")
    for name, values in (
        ("power_spectrum_observed", power_spectrum(scene.truth).mean(pooled)),
        ("power_spectrum", power_spectrum(scene.probabilistic["rain_rate"]).mean(pooled)),
        ("power_spectrum_matched", power_spectrum(scene.probabilistic["rain_rate_matched"]).mean(pooled)),
    ):
        here = found[name].sel(forecaster="model") if "forecaster" in found[name].dims else found[name]
        np.testing.assert_allclose(here, values, rtol=1e-9)
    xr.testing.assert_equal(
        found["power_spectrum"].sel(forecaster="persistence"),
        found["power_spectrum_matched"].sel(forecaster="persistence"),
    )
    assert found["power_spectrum"].attrs["units"] == power_spectrum(scene.truth).attrs["units"]
    assert found["spectrum_frames"].values.tolist() == [3, 3]
    np.testing.assert_allclose(found["wavelength"], power_spectrum(scene.truth)["wavelength"])


def test_without_a_large_known_rectangle_there_are_no_spectra_and_it_is_said_why(
    scene_maker: Callable[..., object],
) -> None:
    scene = scene_maker(side=20)
    found = score(scene.forecasts, scene.observed, **OPTIONS)
    assert "power_spectrum" not in found
    assert "spectrum_frames" not in found
    assert "32 x 32" in found.attrs["spectrum_left_out"]


def test_a_late_area_leaves_earlier_cases_without_spectra(scene_maker: Callable[..., object]) -> None:
    scene = scene_maker(side=34, cases=4)
    holey = scene.observed.copy(deep=True)
    holey[1:3, :, 10:20] = np.nan
    # The first case sees frames 1 and 2, the second 2 and 3.
    rows = sums(scene.forecasts, holey, **OPTIONS)
    assert rows["spectrum_frames"].values.tolist() == [[0, 0], [0, 0], [1, 1], [1, 1]]
    assert rows.attrs["spectrum_area"] == [0, 34, 0, 36]


def test_rows_can_be_finished_one_by_one(scene_maker: Callable[..., object]) -> None:
    scene = scene_maker()
    rows = finish(sums(scene.forecasts, scene.observed, **OPTIONS))
    assert rows["crps"].dims == ("forecast_reference_time", "forecaster", "lead_time")
    one = {name: each.isel(forecast_reference_time=[1]) for name, each in scene.forecasts.items()}
    alone = score(one, scene.observed, **OPTIONS)
    for name in ("mse", "correlation", "csi", "crps", "brier", "reliability", "rank_histogram"):
        np.testing.assert_allclose(rows[name].isel(forecast_reference_time=1), alone[name], err_msg=name)


def test_every_score_names_its_units_and_paper(scene_maker: Callable[..., object]) -> None:
    scene = scene_maker(side=34)
    found = score(scene.forecasts, scene.observed, **OPTIONS)
    counts = {"cases", "pixels", "spectrum_frames"}
    assert all(found[name].attrs["source"].startswith("doi:10.") for name in set(found.data_vars) - counts)
    assert all(found[name].attrs["long_name"] for name in found.data_vars)
    assert {name for name in found.data_vars if found[name].attrs["units"] == "mm h-1"} == {"mae", "bias", "crps"}
    assert found["reliability"].dims == ("forecaster", "lead_time", "threshold", "probability_bin")


def test_skill_stands_beside_the_scores_if_asked(scene_maker: Callable[..., object], tmp_path: object) -> None:
    scene = scene_maker(cases=8, side=34)
    options = {**OPTIONS, "level": 0.8, "block": np.timedelta64(10, "m")}
    found = score(scene.forecasts, scene.observed, **options)
    plain = score(scene.forecasts, scene.observed, **OPTIONS)
    xr.testing.assert_equal(found[list(plain.data_vars)].drop_vars("against", errors="ignore"), plain)
    np.testing.assert_allclose(found["mse_ratio"][0], plain["mse"][0] / plain["mse"][1])
    np.testing.assert_allclose(found["crps_ratio"][0], plain["crps"][0] / plain["crps"][1])
    np.testing.assert_allclose(found["csi_difference"][0], plain["csi"][0] - plain["csi"][1], rtol=1e-9)
    assert (found["mse_ratio_low"] < found["mse_ratio"]).all()
    assert found.attrs["blocks"] == 4
    assert found.attrs["variable"] == "rain_rate"
    found.to_netcdf(f"{tmp_path}/scores.nc", engine="netcdf4")
    with xr.open_dataset(f"{tmp_path}/scores.nc", engine="netcdf4", decode_timedelta=True) as back:
        xr.testing.assert_allclose(back.load(), found)
        assert back.attrs["spectrum_area"].tolist() == [0, 34, 0, 36]
