"""A forecast beside the truth, and the baselines beside both."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from nowcast import run, write_cube
from nowcast.datasets import advected_echoes
from nowcast.errors import InputError
from nowcast.writers import write_dataset


@pytest.fixture
def predicted(cube: xr.DataArray, still: Callable[..., Path]) -> xr.DataArray:
    """From every reference time, 1 mm h-1 more than stood there."""
    forecast = run.forecast(cube, run=still(cube), every=True, progress=False)
    return (forecast + 1).assign_attrs({**forecast.attrs, "nowcast_model": "one more"})


def test_by_hand(predicted: xr.DataArray, cube: xr.DataArray) -> None:
    scores = run.evaluate(predicted, cube, baselines=["persistence"], progress=False)
    assert list(scores["forecaster"].values) == ["one more", "persistence"]
    np.testing.assert_allclose(scores["mse"].sel(forecaster="one more"), [999.0**2, 1999.0**2])
    np.testing.assert_allclose(scores["mae"].sel(forecaster="one more"), [999.0, 1999.0])
    np.testing.assert_allclose(scores["mse"].sel(forecaster="persistence"), [1000.0**2, 2000.0**2])


def test_of_a_file_of_several_forecasts_the_one_that_is_named_is_scored(
    predicted: xr.DataArray, cube: xr.DataArray, tmp_path: Path
) -> None:
    path = write_cube(predicted, tmp_path / "one.nc")
    with xr.open_dataset(path, decode_timedelta=False) as one:
        both = one.assign(snow_rate=one[str(predicted.name)].assign_attrs(long_name="snow")).load()
    both.to_netcdf(tmp_path / "two.nc")
    with pytest.raises(InputError, match="variable"):
        run.evaluate(tmp_path / "two.nc", cube, progress=False)
    scores = run.evaluate(tmp_path / "two.nc", cube, variable=str(predicted.name), progress=False)
    xr.testing.assert_allclose(scores, run.evaluate(path, cube, progress=False))


def test_paths_and_cubes_score_alike(predicted: xr.DataArray, cube: xr.DataArray, tmp_path: Path) -> None:
    forecast = write_cube(predicted, tmp_path / "forecast.zarr")
    observed = write_cube(cube, tmp_path / "observed.nc")
    scores = run.evaluate(predicted, cube, progress=False)
    xr.testing.assert_allclose(run.evaluate(forecast, observed, progress=False), scores)
    xr.testing.assert_allclose(run.evaluate(forecast, [observed], progress=False), scores)


def test_partial_truth_scores_what_is_known(predicted: xr.DataArray, cube: xr.DataArray) -> None:
    alone: dict[str, Any] = {"baselines": ["persistence"], "progress": False}
    whole = run.evaluate(predicted, cube, **alone)
    np.testing.assert_array_equal(whole["cases"], [9, 8])  # the last frames are not followed by any
    part = run.evaluate(predicted, cube.isel(time=slice(0, 6)), **alone)
    np.testing.assert_array_equal(part["cases"], [3, 2])
    np.testing.assert_allclose(part["mse"].sel(forecaster="one more"), [999.0**2, 1999.0**2])
    holed = cube.copy(deep=True)
    holed[5, 0, :4] = np.nan
    some = run.evaluate(predicted, holed, **alone)
    assert (some["pixels"] < whole["pixels"]).all()
    np.testing.assert_allclose(some["mse"].sel(forecaster="one more"), [999.0**2, 1999.0**2])


def test_no_truth_is_refused(predicted: xr.DataArray, cube: xr.DataArray) -> None:
    later = cube.assign_coords(time=cube["time"] + np.timedelta64(1, "D"))
    with pytest.raises(InputError, match="valid at an observed time"):
        run.evaluate(predicted, later, progress=False)


def test_other_units_are_refused(predicted: xr.DataArray, cube: xr.DataArray) -> None:
    with pytest.raises(InputError, match="other units"):
        run.evaluate(predicted, cube.assign_attrs(units="dBZ"), progress=False)


def test_thresholds_and_scales_as_asked(predicted: xr.DataArray, cube: xr.DataArray) -> None:
    scores = run.evaluate(predicted, cube, thresholds=[10, 5000], scales=[1, 3], progress=False)
    np.testing.assert_array_equal(scores["threshold"], [10, 5000])
    np.testing.assert_array_equal(scores["scale"], [1, 3])


def test_a_cube_is_no_forecast(cube: xr.DataArray, tmp_path: Path) -> None:
    path = write_cube(cube, tmp_path / "observed.nc")
    with pytest.raises(InputError, match="is not a forecast"):
        run.evaluate(path, cube, progress=False)


def test_a_forecast_named_persistence_is_scored_itself(showers: xr.DataArray, still: Callable[..., Path]) -> None:
    cube = showers
    forecast = run.forecast(cube[:40], run=still(cube), progress=False)
    wrong = forecast.copy(data=np.full(forecast.shape, 99, "float32"))
    assert float(run.evaluate(wrong, cube, progress=False)["mse"].max()) > 1000


def test_advection_stands_beside_it_and_what_it_does_not_know_is_scored_for_nobody(
    showers: xr.DataArray, still: Callable[..., Path]
) -> None:
    forecast = run.forecast(showers, run=still(showers, context=4, horizon=3), every=True, progress=False)
    forecast = forecast.assign_attrs(nowcast_model="still")
    alone = run.evaluate(forecast, showers, baselines=["persistence"], progress=False)
    scores = run.evaluate(forecast, showers, progress=False)
    assert list(scores["forecaster"].values) == ["still", "persistence", "advection"]
    assert (scores["pixels"] < alone["pixels"]).all()
    assert (scores["pixels"].diff("lead_time") < 0).all()
    np.testing.assert_array_equal(scores["mse"].sel(forecaster="still"), scores["mse"].sel(forecaster="persistence"))
    assert (scores["mse"].sel(forecaster="advection") < 0.7 * scores["mse"].sel(forecaster="still")).all()


def test_only_what_is_asked_for_stands_beside_it(predicted: xr.DataArray, cube: xr.DataArray) -> None:
    scores = run.evaluate(predicted, cube, baselines=["advection"], progress=False)
    assert list(scores["forecaster"].values) == ["one more", "advection"]
    with pytest.raises(InputError, match="--baselines 'pysteeps' is not known"):
        run.evaluate(predicted, cube, baselines=["pysteeps"], progress=False)


def test_the_picture_shows_every_baseline(
    predicted: xr.DataArray, cube: xr.DataArray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[set[str]] = []
    monkeypatch.setattr(
        "nowcast.report.picture", lambda *_, beside: (told.append(set(beside)), Path(_[2]).write_text("drawn"))
    )
    run.evaluate(predicted, cube, picture=tmp_path / "p.png", progress=False)
    assert told == [{"advection"}], "persistence is drawn by itself"


def test_it_is_told_where_little_is_scored(
    predicted: xr.DataArray, cube: xr.DataArray, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing that the counter cube shows moves as it seems to: nothing is brought to most of the field."""
    run.evaluate(predicted, cube)
    assert "beware   from 10 min ahead as little as 0% of the pixels" in capsys.readouterr().err
    run.evaluate(predicted, cube, baselines=["persistence"])
    assert "beware" not in capsys.readouterr().err


@pytest.mark.parametrize("suffix", [".nc", ".zarr"])
def test_a_probabilistic_forecast_scores_from_its_file_as_in_memory(
    suffix: str, cube: xr.DataArray, products_maker: Callable[..., xr.Dataset], tmp_path: Path
) -> None:
    truth = (cube % 8).assign_attrs(cube.attrs)
    forecast = products_maker(truth)
    alone: dict[str, Any] = {"baselines": ["persistence"], "thresholds": [1, 5], "scales": [1], "progress": False}
    scores = run.evaluate(forecast, truth, **alone)
    path = write_cube(forecast, tmp_path / f"forecast{suffix}")
    again = run.evaluate(path, write_cube(truth, tmp_path / "truth.nc"), **alone)
    assert set(again.data_vars) == set(scores.data_vars)
    assert np.isfinite(again["crps"].sel(forecaster="dice")).all()
    assert (again["crps"] < again["mae"]).sel(forecaster="dice").all()
    for name in ("mse", "mae", "csi", "bias_frequency"):
        xr.testing.assert_allclose(again[name], scores[name], rtol=1e-6)
    for name in ("crps", "brier"):
        xr.testing.assert_allclose(again[name], scores[name], atol=5e-4)
    page = run.report(write_dataset(again, tmp_path / "scores.nc"), progress=False)
    assert "dice" in page.read_text("utf-8")
    with pytest.raises(InputError, match="forecast"):
        run.report(path, progress=False)


def test_truth_that_bears_another_name_in_its_file_is_read_as_the_forecast_was(tmp_path: Path) -> None:
    rain = advected_echoes(frames=14, size=16)
    reflectivity = (10 * np.log10(223 * np.maximum(rain, 0.05) ** 1.53)).rename("reflectivity").astype("float32")
    path = write_cube(reflectivity.assign_attrs(units="dBZ"), tmp_path / "event.nc")
    forecast = run.forecast(path, model="persistence", at="2026-05-01T00:30", horizon=2, options={"zr": "223,1.53"})
    assert forecast.name == "rain_rate"
    scores = run.evaluate(forecast, path, progress=False)
    assert scores.sizes["lead_time"] == 2
