"""Every score against the library or by hand; masks, sums, fairness and times."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter
from scores.categorical import ThresholdEventOperator
from scores.continuous import mae, mse
from scores.spatial import fss_2d
from skimage.metrics import structural_similarity

from nowcast.errors import InputError
from nowcast.verification import finish, score, sums

LEADS = 3
THRESHOLDS = [0.5, 2.0]
SCALES = [1, 3, 7]


def rain(
    *, frames: int, rows: int = 20, columns: int = 24, channels: int = 1, seed: int = 0, missing: float = 0.0
) -> xr.DataArray:
    """Smooth showers on a 1 km grid every 5 minutes."""
    random = np.random.default_rng(seed)
    noise = gaussian_filter(random.standard_normal((frames, channels, rows, columns)), (0, 0, 1.2, 1.2))
    values = np.maximum(np.exp(12 * noise) - 1, 0).clip(0, 10).astype("float32")
    values[random.random(values.shape) < missing] = np.nan
    return xr.DataArray(
        values,
        dims=("time", "channel", "y", "x"),
        coords={
            "time": np.datetime64("2026-05-01T00:00", "ns") + 5 * np.arange(frames) * np.timedelta64(1, "m"),
            "y": ("y", 1000.0 * np.arange(rows)[::-1], {"units": "m"}),
            "x": ("x", 1000.0 * np.arange(columns), {"units": "m"}),
        },
        name="rain_rate",
        attrs={"units": "mm h-1", "standard_name": "rainfall_rate"},
    )


def forecast_like(observed: xr.DataArray, *, references: list[int], seed: int = 0, leads: int = LEADS) -> xr.DataArray:
    """A bad forecast from these frames: showers that know nothing of the truth, mixed with what was seen last."""
    times = observed["time"].values
    lead = 5 * np.arange(1, leads + 1) * np.timedelta64(1, "m")
    start = times[references]
    shape = dict(observed.sizes)
    other = rain(
        frames=len(start) * leads, rows=shape["y"], columns=shape["x"], channels=shape["channel"], seed=seed + 77
    ).values.reshape(len(start), leads, *observed.shape[1:])
    now = np.nan_to_num(observed.values[references])[:, None]
    return xr.DataArray(
        np.where(other > 0.3, other, now),
        dims=("forecast_reference_time", "lead_time", "channel", "y", "x"),
        coords={
            "forecast_reference_time": start,
            "lead_time": lead,
            "valid_time": (("forecast_reference_time", "lead_time"), start[:, None] + lead),
            "y": observed["y"],
            "x": observed["x"],
        },
        name=observed.name,
        attrs={"units": observed.attrs["units"]},
    )


def run(forecasts: dict[str, xr.DataArray], observed: xr.DataArray, **options: object) -> xr.Dataset:
    settings_ = {"thresholds": THRESHOLDS, "scales": SCALES, "data_range": 10.0, **options}
    return score(forecasts, observed, **settings_)  # type: ignore[arg-type]


def truth_of(forecast: xr.DataArray, observed: xr.DataArray) -> xr.DataArray:
    return observed.sel(time=forecast["valid_time"]).drop_vars("time").transpose(*forecast.dims)


@pytest.fixture
def observed() -> xr.DataArray:
    return rain(frames=9, seed=1)


@pytest.fixture
def forecast(observed: xr.DataArray) -> xr.DataArray:
    return forecast_like(observed, references=[2, 3, 4], seed=2)


def test_complete_data_score_as_in_the_libraries(forecast: xr.DataArray, observed: xr.DataArray) -> None:
    found = run({"noise": forecast}, observed).sel(forecaster="noise")
    truth = truth_of(forecast, observed)
    wide, true = forecast.astype(float), truth.astype(float)
    keep = {"preserve_dims": "lead_time"}
    np.testing.assert_allclose(found["mse"], mse(wide, true, **keep), rtol=1e-6)
    np.testing.assert_allclose(found["mae"], mae(wide, true, **keep), rtol=1e-6)
    np.testing.assert_allclose(found["psnr"], 10 * np.log10(100 / mse(wide, true, **keep)), rtol=1e-6)
    for lead in range(LEADS):
        frames = [
            structural_similarity(
                wide[case, lead, 0].values,
                true[case, lead, 0].values,
                data_range=10.0,
                gaussian_weights=True,
                sigma=1.5,
                use_sample_covariance=False,
            )
            for case in range(3)
        ]
        assert found["ssim"][lead].item() == pytest.approx(np.mean(frames), abs=1e-6)
    for threshold in THRESHOLDS:
        operator = ThresholdEventOperator()
        table = operator.make_contingency_manager(wide, true, event_threshold=threshold).transform(**keep)
        here = found.sel(threshold=threshold)
        np.testing.assert_allclose(here["csi"], table.critical_success_index(), rtol=1e-6)
        np.testing.assert_allclose(here["pod"], table.probability_of_detection(), rtol=1e-6)
        np.testing.assert_allclose(here["far"], table.false_alarm_ratio(), rtol=1e-6)
        np.testing.assert_allclose(here["bias_frequency"], table.frequency_bias(), rtol=1e-6)
        for scale in SCALES:
            expected = fss_2d(
                wide,
                true,
                event_threshold=threshold,
                window_size=(scale, scale),
                spatial_dims=("y", "x"),
                threshold_operator=np.greater_equal,
                preserve_dims=["lead_time"],
            )
            np.testing.assert_allclose(here["fss"].sel(scale=scale), expected, atol=1e-6)
    assert found["fss"].values.min() > 0.01
    assert found["cases"].values.tolist() == [3] * LEADS
    assert found["pixels"].values.tolist() == [3 * 20 * 24] * LEADS


def test_by_hand_with_a_missing_pixel() -> None:
    cube = rain(frames=2, rows=3, columns=3).copy(data=np.zeros((2, 1, 3, 3), "float32"))
    cube[1, 0] = [[0, 2, np.nan], [0, 4, 0], [0, 0, 0]]
    forecast = forecast_like(cube, references=[0], leads=1)
    forecast[0, 0, 0] = [[1, 2, 9], [0, 1, 0], [0, 0, np.nan]]
    found = run({"a": forecast}, cube, thresholds=[1.0], scales=[1, 3], data_range=4.0).isel(
        forecaster=0, lead_time=0, threshold=0
    )
    assert found["pixels"] == 7
    assert found["mse"] == pytest.approx((1 + 9) / 7)
    assert found["mae"] == pytest.approx((1 + 3) / 7)
    assert found["psnr"] == pytest.approx(10 * np.log10(16 * 7 / 10))
    # 2 hits (2 and 4), no miss, 1 false alarm.
    assert found["csi"] == pytest.approx(2 / 3)
    assert found["pod"] == 1
    assert found["far"] == pytest.approx(1 / 3)
    assert found["bias_frequency"] == 1.5
    assert found["fss"].sel(scale=1) == pytest.approx(1 - 1 / 5)
    # One window of 7 valid pixels: 3/7 of events were forecast, 2/7 came true; never 3/9 and 2/9.
    assert found["fss"].sel(scale=3) == pytest.approx(1 - 1 / (9 + 4))
    assert np.isnan(found["ssim"])


def test_a_fraction_is_of_valid_pixels_not_of_all() -> None:
    cube = rain(frames=2, rows=3, columns=4).copy(data=np.ones((2, 1, 3, 4), "float32"))
    forecast = forecast_like(cube, references=[0], leads=1)
    forecast[:] = 1.0
    forecast[0, 0, 0, 0, 3] = 0.0
    cube[1, 0, :, 0] = np.nan
    found = run({"a": forecast}, cube, thresholds=[1.0], scales=[3]).squeeze()
    # Windows: columns 0-2 (6 valid, 6 and 6 events), columns 1-3 (9 valid, 8 and 9 events).
    assert found["fss"].item() == pytest.approx(1 - (1 / 9) ** 2 / (1 + 1 + (8 / 9) ** 2 + 1))


def test_missing_pixels_equal_pixels_left_out(forecast: xr.DataArray, observed: xr.DataArray) -> None:
    part = np.s_[..., 4:, :]
    gappy, whole = observed.copy(), run({"a": forecast[part]}, observed[part])
    gappy[:, :, :4, :] = np.nan
    found = run({"a": forecast}, gappy)
    for name in ("mse", "mae", "psnr", "ssim", "csi", "pod", "far", "pixels"):
        np.testing.assert_allclose(found[name], whole[name], rtol=1e-9, err_msg=name)
    np.testing.assert_allclose(found["fss"].sel(scale=1), whole["fss"].sel(scale=1))
    assert not np.allclose(found["mse"], run({"a": forecast}, observed)["mse"])


def test_similarity_counts_wholly_observed_windows_alone(forecast: xr.DataArray, observed: xr.DataArray) -> None:
    forecast = forecast[:1, :1]
    gappy = observed.copy()
    gappy[:, :, 8, 3] = np.nan
    _, full = structural_similarity(
        forecast[0, 0, 0].values.astype(float),
        observed[3, 0].values.astype(float),
        data_range=10.0,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        full=True,
    )
    # Rows 5-14 and columns 5-18 have a whole window; those that hold row 8, column 3 drop out.
    rows, columns = np.mgrid[:20, :24]
    whole = (rows >= 5) & (rows < 15) & (columns >= 5) & (columns < 19)
    whole &= ~((abs(rows - 8) <= 5) & (abs(columns - 3) <= 5))
    assert run({"a": forecast}, gappy)["ssim"].item() == pytest.approx(full[whole].mean(), abs=1e-9)


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 10_000), st.floats(0, 0.6))
def test_scores_add(seed: int, share: float) -> None:
    observed = rain(frames=8, rows=12, columns=13, seed=seed, missing=share)
    forecast = forecast_like(observed, references=[1, 2, 3], seed=seed + 1, leads=2)
    options = {"thresholds": THRESHOLDS, "scales": SCALES, "data_range": 10.0}
    together = score({"a": forecast}, observed, **options)  # type: ignore[arg-type]
    parts = [sums({"a": forecast[case]}, observed, **options) for case in ([0], [1, 2])]  # type: ignore[arg-type]
    total = sum(part.sum("forecast_reference_time") for part in parts)
    xr.testing.assert_allclose(finish(total.assign_attrs(parts[0].attrs)), together)  # type: ignore[union-attr]


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 10_000), st.floats(0, 0.9), st.sampled_from([1, 3, 5]))
def test_scores_stay_within_their_bounds(seed: int, share: float, scale: int) -> None:
    observed = rain(frames=4, rows=11, columns=12, seed=seed, missing=share)
    forecast = forecast_like(observed, references=[0], seed=seed + 1)
    found = run({"a": forecast}, observed, scales=[scale])
    for name in ("csi", "pod", "far", "fss"):
        values = found[name].values[np.isfinite(found[name].values)]
        assert ((values >= -1e-12) & (values <= 1 + 1e-12)).all()
    assert (found["mae"].values ** 2 <= found["mse"].values + 1e-9).all()


def test_all_forecasters_are_scored_on_the_same_pixels(forecast: xr.DataArray, observed: xr.DataArray) -> None:
    holey = forecast.copy()
    holey[0, :, :, :10] = np.nan
    longer = forecast_like(observed, references=[1, 2, 3, 4], seed=5, leads=LEADS + 1)
    found = run({"whole": forecast, "holey": holey, "longer": longer}, observed)
    np.testing.assert_array_equal(found["mse"].sel(forecaster="whole"), found["mse"].sel(forecaster="holey"))
    assert found.sizes["lead_time"] == LEADS
    assert found["pixels"].values.tolist() == [(3 * 20 - 10) * 24] * LEADS
    alone = run({"whole": forecast}, observed)
    assert not np.allclose(alone["mse"], found["mse"].sel(forecaster="whole"))
    np.testing.assert_array_equal(run({"holey": holey}, observed)["mse"][0], found["mse"][0])


def test_a_perfect_forecast_of_dry_weather_is_undefined_not_good() -> None:
    observed = rain(frames=5) * 0
    observed.attrs = rain(frames=5).attrs
    forecast = forecast_like(observed, references=[0, 1])
    forecast[:] = 0.0
    found = run({"a": forecast}, observed)
    assert (found["mse"] == 0).all()
    assert np.isposinf(found["psnr"]).all()
    assert np.allclose(found["ssim"], 1)
    for name in ("csi", "pod", "far", "bias_frequency", "fss"):
        assert np.isnan(found[name]).all(), name
    # Without a range both are 0/0.
    ranged = score({"a": forecast}, observed)
    assert ranged.attrs["data_range"] == 0
    assert np.isnan(ranged["psnr"]).all()
    assert np.isnan(ranged["ssim"]).all()


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_the_unit_of_time_makes_no_difference(forecast: xr.DataArray, observed: xr.DataArray, unit: str) -> None:
    other = forecast.assign_coords(
        forecast_reference_time=forecast["forecast_reference_time"].values.astype(f"M8[{unit}]"),
        lead_time=forecast["lead_time"].values.astype(f"m8[{unit}]"),
        valid_time=(forecast["valid_time"].dims, forecast["valid_time"].values.astype(f"M8[{unit}]")),
    )
    xr.testing.assert_equal(
        run({"a": other}, observed).drop_vars("lead_time"), run({"a": forecast}, observed).drop_vars("lead_time")
    )
    together = run({"a": forecast, "b": other}, observed)
    np.testing.assert_array_equal(together["mse"][0], together["mse"][1])


def test_a_lead_time_without_truth_is_left_out_of_that_lead_time_alone(
    forecast: xr.DataArray, observed: xr.DataArray
) -> None:
    # References 2, 3, 4 and leads 1, 2, 3: without frame 6, reference 3 loses lead 3 and reference 4 lead 2.
    found = run({"a": forecast}, observed.drop_isel(time=6))
    assert found["cases"].values.tolist() == [3, 2, 2]
    expected = mse(forecast.astype(float), truth_of(forecast, observed).astype(float), preserve_dims="all").mean(
        ("channel", "y", "x")
    )
    assert found["mse"][0, 1].item() == pytest.approx(expected[[0, 1], 1].mean().item())
    assert found["mse"][0, 2].item() == pytest.approx(expected[[0, 2], 2].mean().item())
    short = run({"a": forecast}, observed.isel(time=slice(0, 4)))
    assert short["cases"].values.tolist() == [1, 0, 0]
    assert short.attrs["reference_times"] == 1
    assert np.isnan(short["mse"][0, 1:]).all()


def test_valid_time_decides_and_is_computed_where_not_stated(forecast: xr.DataArray, observed: xr.DataArray) -> None:
    xr.testing.assert_identical(run({"a": forecast.drop_vars("valid_time")}, observed), run({"a": forecast}, observed))
    later = forecast.assign_coords(valid_time=forecast["valid_time"] + np.timedelta64(5, "m"))
    assert not np.allclose(run({"a": later}, observed)["mse"], run({"a": forecast}, observed)["mse"])
    with pytest.raises(InputError, match="other valid times"):
        run({"a": forecast, "b": later}, observed)


def test_clips_that_share_their_times_are_told_apart_by_sequence() -> None:
    one, two = rain(frames=5, seed=1), rain(frames=5, seed=2)
    both = xr.concat([one, two], "time", coords="minimal", compat="override", join="override").assign_coords(
        sequence=("time", [0] * 5 + [1] * 5)
    )
    forecasts = [forecast_like(each, references=[1], seed=3) for each in (one, two)]
    joined = xr.concat(forecasts, "forecast_reference_time", join="override", coords="minimal", compat="override")
    joined = joined.drop_vars("valid_time")
    with pytest.raises(InputError, match="occurs twice"):
        run({"a": joined}, both)
    found = run({"a": joined.assign_coords(sequence=("forecast_reference_time", [0, 1]))}, both)
    singly = [run({"a": each}, truth)["mse"] for each, truth in zip(forecasts, (one, two), strict=True)]
    np.testing.assert_allclose(found["mse"], (singly[0] + singly[1]) / 2)


def test_lazy_cubes_score_alike_one_reference_time_at_a_time(forecast: xr.DataArray, observed: xr.DataArray) -> None:
    seen: list[tuple[int, int]] = []
    lazy = run(
        {"a": forecast.chunk({"forecast_reference_time": 1})},
        observed.chunk({"time": 2}),
        progress=lambda done, total: seen.append((done, total)),
        data_range=None,
    )
    assert seen == [(1, 3), (2, 3), (3, 3)]
    xr.testing.assert_identical(lazy, run({"a": forecast}, observed, data_range=None))


def test_channels_are_pooled() -> None:
    observed = rain(frames=5, channels=2)
    forecast = forecast_like(observed, references=[0, 1])
    found = run({"a": forecast}, observed)
    assert found["pixels"].values.tolist() == [2 * 2 * 20 * 24] * LEADS
    each = [run({"a": forecast[:, :, [c]]}, observed[:, [c]])["mse"] for c in (0, 1)]
    np.testing.assert_allclose(found["mse"], (each[0] + each[1]) / 2)


def test_an_event_is_a_value_that_reaches_the_threshold_as_float32() -> None:
    observed = rain(frames=2).astype("float64") * 0 + 7 * 0.1
    observed.attrs = rain(frames=2).attrs
    forecast = forecast_like(observed, references=[0], leads=1)
    forecast[:] = np.float32(0.7)
    found = run({"a": forecast}, observed, thresholds=[0.7, np.nextafter(np.float32(0.7), 1)])
    assert found["csi"][0, 0, 0] == 1
    assert np.isnan(found["csi"][0, 0, 1])


def test_inputs_are_left_alone(forecast: xr.DataArray, observed: xr.DataArray) -> None:
    observed[:, 0, 3, 3] = np.nan
    before = forecast.copy(deep=True), observed.copy(deep=True)
    run({"a": forecast}, observed)
    xr.testing.assert_identical(forecast, before[0])
    xr.testing.assert_identical(observed, before[1])


def test_the_table_says_what_it_holds(forecast: xr.DataArray, observed: xr.DataArray) -> None:
    found = score({"convlstm": forecast, "persistence": forecast}, observed)
    assert found["csi"].dims == ("forecaster", "lead_time", "threshold")
    assert found["fss"].dims == ("forecaster", "lead_time", "threshold", "scale")
    assert found["mse"].dims == found["ssim"].dims == ("forecaster", "lead_time")
    assert found["forecaster"].values.tolist() == ["convlstm", "persistence"]
    assert found["threshold"].values.tolist() == [0.1, 1, 5, 10]
    assert found["threshold"].attrs["units"] == "mm h-1"
    assert found["scale"].values.tolist() == [1, 5, 11]
    assert found["scale_length"].values.tolist() == [1000, 5000, 11000]
    assert found["scale_length"].attrs["units"] == "m"
    assert found["mse"].attrs["units"] == "(mm h-1)2"
    assert found["mae"].attrs["units"] == "mm h-1"
    assert found["psnr"].attrs["units"] == "dB"
    assert all(found[name].attrs["long_name"] for name in found)
    assert all(found[name].attrs["source"].startswith("doi:10.") for name in found if name not in ("cases", "pixels"))
    used = observed.isel(time=slice(3, 8))
    assert found.attrs["data_range"] == pytest.approx(float(used.max() - used.min()))
    assert "observed" in found.attrs["data_range_source"]
    assert "rain rates" in found.attrs["thresholds_source"]
    assert found.attrs["variable"] == "rain_rate"
    assert found.attrs["reference_times"] == 3
    assert found.attrs["first_reference_time"] == "2026-05-01T00:10:00"
    assert found.attrs["last_reference_time"] == "2026-05-01T00:20:00"


def test_the_table_can_be_written(forecast: xr.DataArray, observed: xr.DataArray, tmp_path: object) -> None:
    found = score({"a": forecast}, observed)
    found.to_netcdf(f"{tmp_path}/scores.nc", engine="netcdf4")
    with xr.open_dataset(f"{tmp_path}/scores.nc", engine="netcdf4", decode_timedelta=True) as back:
        xr.testing.assert_allclose(back.load(), found)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: f.isel(x=slice(1, None)), "23 along x"),
        (lambda f: f.assign_coords(x=f["x"] + 500), "another grid"),
        (lambda f: f.assign_coords(y=f["y"][::-1].values), "another grid"),
        (lambda f: f.assign_attrs(units="dBZ"), "'dBZ'"),
        (lambda f: f.assign_attrs(units=""), "units"),
        (lambda f: f.rename("snowfall"), "'snowfall'"),
        (lambda f: f.expand_dims(realization=2), "realization"),
        (lambda f: f.isel(lead_time=0), "dims"),
        (lambda f: f.assign_coords(lead_time=[1, 2, 3]), "timedelta64"),
        (lambda f: f.isel(lead_time=slice(0, 0)), "empty"),
        (lambda f: f * np.nan, "units"),
        (lambda f: f.copy(data=np.full(f.shape, np.nan)), "no pixel"),
    ],
)
def test_what_does_not_fit_is_refused(
    forecast: xr.DataArray, observed: xr.DataArray, change: object, message: str
) -> None:
    with xr.set_options(keep_attrs=False), pytest.raises(InputError) as refused:
        run({"good": forecast, "bad": change(forecast)}, observed)  # type: ignore[operator]
    assert message in str(refused.value)


def test_small_differences_of_coordinates_and_spelling_fit(forecast: xr.DataArray, observed: xr.DataArray) -> None:
    other = forecast.assign_coords(x=forecast["x"] + 0.5).assign_attrs(units="mm/h")
    np.testing.assert_array_equal(run({"a": other}, observed)["mse"], run({"a": forecast}, observed)["mse"])


def test_no_time_in_common_names_both_spans(forecast: xr.DataArray, observed: xr.DataArray) -> None:
    late = observed.assign_coords(time=observed["time"] + np.timedelta64(1, "D"))
    with pytest.raises(InputError) as refused:
        run({"a": forecast}, late)
    assert "2026-05-01T00:15:00 to 2026-05-01T00:35:00" in str(refused.value)
    assert "2026-05-02T00:00:00 to 2026-05-02T00:40:00" in str(refused.value)


def test_nothing_observed_is_refused(forecast: xr.DataArray, observed: xr.DataArray) -> None:
    with pytest.raises(InputError, match="no pixel"):
        run({"a": forecast}, observed.copy(data=np.full(observed.shape, np.nan)), data_range=None)
    with pytest.raises(InputError, match="no forecast to score"):
        run({}, observed)


@pytest.mark.parametrize(
    "wrong",
    [
        {"scales": [2]},
        {"scales": [21]},
        {"scales": []},
        {"thresholds": []},
        {"thresholds": [np.nan]},
        {"data_range": 0},
    ],
    ids=str,
)
def test_options_that_cannot_be_used_are_refused(
    forecast: xr.DataArray, observed: xr.DataArray, wrong: dict[str, object]
) -> None:
    with pytest.raises(InputError, match=next(iter(wrong))):
        run({"a": forecast}, observed, **wrong)
