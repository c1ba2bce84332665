"""A run and the newest frames make a forecast."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from nowcast import products, run, write_cube
from nowcast.datasets import advected_echoes
from nowcast.errors import InputError
from nowcast.readers import open_forecast
from nowcast.timeline import with_absent_frames

Still = Callable[..., Path]


def test_a_trained_run_forecasts_the_newest_frames(trained: xr.Dataset, showers: xr.DataArray) -> None:
    products_of = run.forecast(showers, run=trained.attrs["run"], progress=False)
    forecast = products.mean(products_of)
    assert forecast.dims == ("forecast_reference_time", "lead_time", "channel", "y", "x")
    assert forecast.sizes["forecast_reference_time"] == 1
    assert forecast.sizes["lead_time"] == trained.sizes["lead_time"]
    assert forecast["forecast_reference_time"].values[0] == showers["time"].values[-1]
    assert forecast.dtype == "float32"
    assert np.isfinite(forecast.values).all()
    assert forecast.attrs["units"] == "mm h-1"
    assert forecast.attrs["nowcast_model"] == "cascade"
    matched, chances = products.matched(products_of), products.probability(products_of)
    assert matched.dims == forecast.dims
    assert chances is not None
    assert chances["threshold"].values[0] == 0.1
    np.testing.assert_array_equal(matched >= 5.0, matched.where(chances.sel(threshold=5.0) > 0, 0) >= 5.0)
    xr.testing.assert_equal(products_of, run.forecast(showers, run=trained.attrs["model_file"], progress=False))


def test_newest_at_and_every(cube: xr.DataArray, still: Still) -> None:
    model = still(cube)
    times = cube["time"].values
    every = run.forecast(cube, run=model, every=True, progress=False)
    np.testing.assert_array_equal(every["forecast_reference_time"].values, times[2:])
    newest = run.forecast(cube, run=model, progress=False)
    xr.testing.assert_equal(newest, every.isel(forecast_reference_time=[-1]))
    one = run.forecast(cube, run=model, at="2026-05-01T00:20Z", progress=False)
    xr.testing.assert_equal(one, every.sel(forecast_reference_time=["2026-05-01T00:20"]))
    two = run.forecast(cube, run=model, at=[times[7], times[4], times[7]], progress=False)
    xr.testing.assert_equal(two, every.sel(forecast_reference_time=times[[4, 7]]))


def test_of_a_clip_whose_times_are_counted_no_date_is_told(
    cube: xr.DataArray, still: Still, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run.forecast(cube, run=still(cube))
    assert "forecast from 2026-05-01T00:55:00, up to 10 min ahead" in capsys.readouterr().err
    counted = cube["time"].values - (cube["time"].values[0] - np.datetime64(0, "ns"))
    clip = cube.assign_coords(time=("time", counted, {"counted_from": "the first frame"}))
    forecast = run.forecast(clip, run=still(clip), every=True)
    told = capsys.readouterr().err
    assert "reference times, 10 min after the first frame to 55 min after the first frame, up to 10 min ahead" in told
    again = open_forecast(write_cube(forecast, tmp_path / "forecast.nc"))
    assert again["forecast_reference_time"].attrs["counted_from"] == "the first frame"


def test_a_longer_horizon(cube: xr.DataArray, still: Still) -> None:
    forecast = run.forecast(cube, run=still(cube), horizon=5, progress=False)
    np.testing.assert_array_equal(forecast["lead_time"].values, np.arange(1, 6) * np.timedelta64(5, "m"))
    np.testing.assert_array_equal(forecast["valid_time"].values[0], cube["time"].values[-1] + forecast["lead_time"])


def test_no_context_reaches_over_a_gap(cube: xr.DataArray, still: Still) -> None:
    holed = cube.isel(time=[0, 1, 2, 3, 6, 7, 8, 9])
    model = still(cube)
    every = run.forecast(holed, run=model, every=True, progress=False)
    np.testing.assert_array_equal(every["forecast_reference_time"].values, cube["time"].values[[2, 3, 8, 9]])
    with pytest.raises(InputError) as error:
        run.forecast(holed, run=model, at="2026-05-01T00:35", progress=False)
    for text in ("2026-05-01T00:35:00", "2 frame(s) in a row", "a gap lies before", "--at 2026-05-01T00:40:00"):
        assert text in str(error.value)
    with pytest.raises(InputError, match="1 frame"):
        run.forecast(cube.isel(time=[0, 1, 2, 3, 7]), run=model, progress=False)


def test_sequences_are_not_mixed(cube: xr.DataArray, still: Still) -> None:
    two = cube.assign_coords(sequence=("time", ["a"] * 5 + ["b"] * 7))
    every = run.forecast(two, run=still(cube), every=True, progress=False)
    np.testing.assert_array_equal(
        every["forecast_reference_time"].values, cube["time"].values[[2, 3, 4, 7, 8, 9, 10, 11]]
    )


@pytest.mark.parametrize(
    ("at", "told"),
    [
        ("yesterday", ("--at 'yesterday' is not a time", "ISO 8601")),
        ("2026-05-01T00:21", ("no frame at 2026-05-01T00:21:00", "2026-05-01T00:55:00", "--at 2026-05-01T00:20:00")),
        ("2026-05-01T00:05", ("no forecast can start", "2 frame(s) in a row", "3")),
    ],
)
def test_times_that_cannot_be(at: str, told: tuple[str, ...], cube: xr.DataArray, still: Still) -> None:
    with pytest.raises(InputError) as error:
        run.forecast(cube, run=still(cube), at=at, progress=False)
    for text in told:
        assert text in str(error.value)


def test_a_pixel_never_seen_stays_missing(cube: xr.DataArray, still: Still) -> None:
    holed = cube.copy(deep=True)
    holed[9:, 0, 2, 3] = np.nan
    forecast = run.forecast(holed, run=still(cube), progress=False)
    missing = np.isnan(forecast.values)
    assert missing[:, :, :, 2, 3].all()
    assert missing.sum() == forecast.sizes["lead_time"]


def test_a_large_forecast_stays_lazy(cube: xr.DataArray, still: Still, monkeypatch: pytest.MonkeyPatch) -> None:
    model = still(cube)
    whole = run.forecast(cube, run=model, every=True, progress=False)
    monkeypatch.setattr("nowcast.run.forecasting.MOST_IN_MEMORY", 1)
    lazy = run.forecast(cube, run=model, every=True, progress=False)
    assert lazy.chunks is not None
    assert whole.chunks is None
    xr.testing.assert_equal(lazy.compute(), whole)


def test_the_cube_is_not_changed(cube: xr.DataArray, still: Still) -> None:
    before = cube.copy(deep=True)
    run.forecast(cube, run=still(cube), every=True, progress=False)
    xr.testing.assert_identical(cube, before)


def test_a_missing_pixel_is_never_zero(still: Still) -> None:
    cube = advected_echoes(frames=12, size=16)
    cube = cube.copy(data=np.full(cube.shape, 5, "float32"))
    cube[-1, 0, 3, 3] = np.nan
    pixel = run.forecast(cube, run=still(cube), progress=False).values[0, :, 0, 3, 3]
    assert (np.isnan(pixel) | (pixel == 5)).all()


@pytest.mark.parametrize("words", [{"every": True}, {"at": []}, {"horizon": -1}, {"horizon": 0}], ids=str)
def test_nothing_to_forecast_is_refused(words: dict[str, Any], still: Still) -> None:
    cube = advected_echoes(frames=2 if words.get("every") else 12, size=16)
    with pytest.raises(InputError):
        run.forecast(cube, run=still(cube), progress=False, **words)


def test_files_are_read_as_the_training_files_were(
    showers: xr.DataArray, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Coarser from fit over forecast to evaluate, said once; what is said again wins."""
    path = write_cube(showers, tmp_path / "fine.nc")
    trained = run.fit(path, run=tmp_path / "run", epochs=1, hidden=[4], batch=4, progress=False, options={"coarsen": 2})
    capsys.readouterr()
    forecast = run.forecast(path, run=trained.attrs["run"], at="2026-05-01T03:00")
    assert (forecast.sizes["y"], forecast.sizes["x"]) == (16, 16)
    assert "--coarsen 2, as the model's training files were" in "".join(capsys.readouterr())
    written = write_cube(forecast, tmp_path / "forecast.nc")
    assert run.evaluate(written, path, progress=False).sizes["lead_time"] == forecast.sizes["lead_time"]
    with pytest.raises(InputError, match="grid"):
        run.evaluate(written, path, options={"coarsen": 4}, progress=False)
    with pytest.raises(InputError):
        run.forecast(path, run=trained.attrs["run"], options={"coarsen": 4}, progress=False)


def test_of_a_file_of_several_fields_the_models_own_is_read(cube: xr.DataArray, still: Still, tmp_path: Path) -> None:
    """Without a word, also where the run is found: what fit says to type next says none."""
    with xr.open_dataset(write_cube(cube, tmp_path / "one.nc")) as one:
        one.assign(lightning=one["rain_rate"].assign_attrs(long_name="flashes")).to_netcdf(tmp_path / "two.nc")
    model = still(cube, tmp_path / "runs" / "own" / "model.safetensors")
    forecast = run.forecast(tmp_path / "two.nc", run=model, progress=False)
    xr.testing.assert_allclose(forecast, run.forecast(tmp_path / "one.nc", run=model, progress=False))
    with pytest.raises(InputError, match="choose one"):
        run.forecast(tmp_path / "two.nc", run=still(cube.rename("snow_rate"), tmp_path / "snow"), progress=False)


# Missing and late frames

LATE = "2026-05-01T01:00"


def test_a_late_frame_is_done_without_and_the_forecast_says_so(
    cube: xr.DataArray, still: Still, capsys: pytest.CaptureFixture[str]
) -> None:
    model = still(cube, gaps=("hold", 1))
    result = run.forecast(cube, run=model, at=LATE)
    assert result["forecast_reference_time"].values == np.datetime64(LATE)
    assert result["missing_inputs"].values.tolist() == [1]
    assert result["input_age"].values == np.timedelta64(5, "m")
    assert result["valid_time"].values[0, 0] == np.datetime64("2026-05-01T01:05")
    np.testing.assert_array_equal(result[0, 0], cube[-1])
    assert "missing  1 of the 3 frames given; the newest is 5 min old" in capsys.readouterr().err
    whole = run.forecast(cube, run=model)
    assert whole["missing_inputs"].values.tolist() == [0]
    assert whole["input_age"].values.astype(int).tolist() == [0]
    assert "missing " not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("at", "told"),
    [
        (
            "2026-05-01T01:05",
            ("no frame at 2026-05-01T01:05:00", "to 2026-05-01T00:55:00; 2 frame(s)", "at most 1 late"),
        ),
        ("2026-05-01T01:02", ("no frame at 2026-05-01T01:02:00", "to 2026-05-01T00:55:00", "--at 2026-05-01T00:55:00")),
    ],
)
def test_a_frame_that_is_too_late_is_not_done_without(
    at: str, told: tuple[str, ...], cube: xr.DataArray, still: Still
) -> None:
    with pytest.raises(InputError) as caught:
        run.forecast(cube, run=still(cube, gaps=("hold", 1)), at=at, progress=False)
    for text in told:
        assert text in str(caught.value)


def test_a_model_that_skips_gaps_does_without_no_frame(cube: xr.DataArray, still: Still) -> None:
    with pytest.raises(InputError, match="no frame at 2026-05-01T01:00:00"):
        run.forecast(cube, run=still(cube), at=LATE, progress=False)
    joined = with_absent_frames(cube.drop_isel(time=10), most=1)
    with pytest.raises(InputError, match="1 of the 3 frames up to it missing: 2026-05-01T00:50:00"):
        run.forecast(joined, run=still(cube), progress=False)
    every = run.forecast(joined, run=still(cube), every=True, progress=False)
    np.testing.assert_array_equal(every["forecast_reference_time"], cube["time"][2:10])


def test_a_gap_within_the_context_or_at_its_end_is_done_without(cube: xr.DataArray, still: Still) -> None:
    holed = cube.drop_isel(time=[5, 9, 10])
    model = still(cube, gaps=("mask", 1))
    every = run.forecast(holed, run=model, every=True, progress=False)
    np.testing.assert_array_equal(every["forecast_reference_time"], cube["time"][2:9])
    assert every["missing_inputs"].values.tolist() == [0, 0, 0, 1, 1, 1, 0]
    one = run.forecast(holed, run=model, at="2026-05-01T00:25", progress=False)
    xr.testing.assert_equal(one, every.isel(forecast_reference_time=[3]))
    np.testing.assert_array_equal(one[0, 0], cube[4])
    with pytest.raises(InputError, match="a gap lies before them") as caught:
        run.forecast(holed, run=model, progress=False)
    assert "at most 1 may be missing" in str(caught.value)


def test_frames_without_a_value_are_missing_too(cube: xr.DataArray, still: Still) -> None:
    cube.values[[7, 10, 11]] = np.nan
    model = still(cube, gaps=("mask", 1))
    with pytest.raises(InputError, match="2 of the 3 frames up to it missing: 2026-05-01T00:50:00, 2026-05-01T00:55"):
        run.forecast(cube, run=model, progress=False)
    every = run.forecast(cube, run=model, every=True, progress=False)
    np.testing.assert_array_equal(every["forecast_reference_time"], cube["time"][2:11])
    assert every["missing_inputs"].values.tolist() == [0, 0, 0, 0, 0, 1, 1, 1, 1]
    assert (every["input_age"].values / np.timedelta64(5, "m")).tolist() == [0, 0, 0, 0, 0, 1, 0, 0, 1]
    as_today = run.forecast(cube, run=still(cube), every=True, progress=False)
    np.testing.assert_array_equal(as_today["forecast_reference_time"], cube["time"][2:])
    assert "missing_inputs" not in as_today.coords


def test_a_single_frame_is_enough_for_a_context_of_two_with_one_late(cube: xr.DataArray, still: Still) -> None:
    model = still(cube, context=2, gaps=("mask", 1))
    result = run.forecast(cube[:1], run=model, at="2026-05-01T00:05", progress=False)
    assert result["missing_inputs"].values.tolist() == [1]
    np.testing.assert_array_equal(result[0, 0], cube[0])
    np.testing.assert_array_equal(result["lead_time"].values, np.array([5, 10]) * np.timedelta64(1, "m"))


def test_a_time_that_a_sequence_has_is_not_late_in_the_last_one(cube: xr.DataArray, still: Still) -> None:
    clips = cube.assign_coords(
        sequence=("time", ["a"] * 7 + ["b"] * 5),
        time=("time", np.concatenate([cube["time"].values[:7], cube["time"].values[:5]])),
    )
    result = run.forecast(clips, run=still(cube, gaps=("mask", 1)), at="2026-05-01T00:25", progress=False)
    assert result["sequence"].values.tolist() == ["a"]
    assert result["missing_inputs"].values.tolist() == [0]


@pytest.mark.parametrize("name", ["forecast.nc", "forecast.zarr"])
def test_what_was_missing_is_kept_in_the_file(name: str, cube: xr.DataArray, still: Still, tmp_path: Path) -> None:
    result = run.forecast(cube.drop_isel(time=5), run=still(cube, gaps=("hold", 1)), every=True, progress=False)
    write_cube(result, tmp_path / name)
    again = open_forecast(tmp_path / name)
    for coord in ("missing_inputs", "input_age"):
        np.testing.assert_array_equal(again[coord], result[coord])
        assert again[coord].dtype == result[coord].dtype
        assert again[coord].dims == ("forecast_reference_time",)
        assert again[coord].attrs["long_name"] == result[coord].attrs["long_name"]
    opener = xr.open_dataset if name.endswith(".nc") else partial(xr.open_zarr, consolidated=False)
    with opener(tmp_path / name, decode_timedelta=False) as raw:
        assert raw["input_age"].attrs["units"] == "minutes"
        assert raw["missing_inputs"].attrs["units"] == "1"
        assert {"input_age", "missing_inputs"} <= set(raw.coords), "the field names its auxiliary coordinates"
    scores = run.evaluate(again, cube.drop_isel(time=5), thresholds=[100.0], baselines=["persistence"], progress=False)
    by_itself = scores["mse"].sel(forecaster="persistence").values
    assert np.isfinite(by_itself).all()
    np.testing.assert_allclose(scores["mse"].isel(forecaster=0), by_itself)
    # One is valid at the missing frame, one after the last; that which starts at the missing frame is scored.
    assert scores["cases"].values.tolist() == [8, 7]


def test_a_model_that_lost_says_so(
    trained: xr.Dataset, showers: xr.DataArray, cube: xr.DataArray, still: Still, capsys: pytest.CaptureFixture[str]
) -> None:
    run.forecast(showers, run=trained.attrs["run"])
    said = capsys.readouterr().err
    assert "beware   this model" in said
    assert "never scored" not in said
    assert "advection on its test part" in said
    assert "nowcast forecast --model advection needs no training" in said
    run.forecast(cube, run=still(cube))
    said = capsys.readouterr().err
    assert said.count("beware") == said.count("never scored on a test part") == 1, "of this one nothing is known"


@pytest.fixture
def amounts(cube: xr.DataArray) -> xr.DataArray:
    """The same rain as the cube's rates, as other files tell it: mm in five minutes, under another name."""
    told = {**cube.attrs, "units": "mm", "standard_name": "precipitation_amount"}
    return (cube / 12).rename("precipitation_amount").assign_attrs(told)


@pytest.mark.parametrize("rates", [True, False], ids=["rates to a model of amounts", "amounts to a model of rates"])
def test_rain_in_other_units_is_converted_and_told(
    rates: bool, cube: xr.DataArray, amounts: xr.DataArray, still: Still, capsys: pytest.CaptureFixture[str]
) -> None:
    learnt, given, factor = (amounts, cube, 1 / 12) if rates else (cube, amounts, 12.0)
    forecast = run.forecast(given, run=still(learnt))
    own, theirs = given.attrs["units"], learnt.attrs["units"]
    assert f"units    variable '{given.name}': {own} to {theirs}, times {factor:.6g}" in capsys.readouterr().err
    np.testing.assert_allclose(forecast.values[0, 0], given.values[-1] * factor, rtol=1e-6)
    assert (forecast.name, forecast.attrs["units"]) == (learnt.name, theirs)
    assert forecast.attrs["converted_from"] == f"{given.name} in {own}, times {factor:.6g}"


def test_a_converted_forecast_is_scored_against_the_files_it_came_from(
    cube: xr.DataArray, amounts: xr.DataArray, still: Still, tmp_path: Path
) -> None:
    files = write_cube(amounts, tmp_path / "amounts.nc")
    at = cube["time"].values[5]
    forecast = run.forecast(files, run=still(cube), at=at, progress=False)
    written = write_cube(forecast, tmp_path / "forecast.nc")
    wanted = run.evaluate(run.forecast(cube, run=still(cube), at=at, progress=False), cube, progress=False)
    for source in (amounts, files):
        scores = run.evaluate(written, source, progress=False)
        assert scores.attrs["units"] == "mm h-1"
        np.testing.assert_allclose(scores["mse"], wanted["mse"], rtol=1e-4)


@pytest.mark.parametrize(
    ("units", "standard_name"), [("dBZ", "equivalent_reflectivity_factor"), ("K", "air_temperature"), (None, None)]
)
def test_units_that_no_formula_leads_between_are_refused_with_the_table(
    units: str | None, standard_name: str | None, cube: xr.DataArray, still: Still
) -> None:
    attrs = {"units": units, "standard_name": standard_name}
    other = cube.drop_attrs(deep=False).assign_attrs({key: value for key, value in attrs.items() if value})
    for learnt, given in ((cube, other), (other, cube)):
        with pytest.raises(InputError, match=r"units +model wants (.*); cube has (.*)"):
            run.forecast(given, run=still(learnt), progress=False)


def test_a_conversion_does_not_hide_what_else_does_not_fit(
    cube: xr.DataArray, amounts: xr.DataArray, still: Still
) -> None:
    with pytest.raises(InputError, match=r"grid step +model wants 1000 x 1000 m; cube has 1000 x 2000 m") as error:
        run.forecast(amounts.assign_coords(x=("x", 2 * amounts["x"].values, amounts["x"].attrs)), run=still(cube))
    assert "units" not in str(error.value).split("no forecast was made")[1]
