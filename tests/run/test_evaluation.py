"""A forecast beside the truth, and persistence beside both."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from nowcast import run, write_cube
from nowcast.errors import InputError


@pytest.fixture
def predicted(cube: xr.DataArray, still: Callable[..., Path]) -> xr.DataArray:
    """From every reference time, 1 mm h-1 more than stood there."""
    forecast = run.forecast(cube, run=still(cube), every=True, progress=False)
    return (forecast + 1).assign_attrs({**forecast.attrs, "nowcast_model": "one more"})


def test_by_hand(predicted: xr.DataArray, cube: xr.DataArray) -> None:
    scores = run.evaluate(predicted, cube, progress=False)
    assert list(scores["forecaster"].values) == ["one more", "persistence"]
    np.testing.assert_allclose(scores["mse"].sel(forecaster="one more"), [999.0**2, 1999.0**2])
    np.testing.assert_allclose(scores["mae"].sel(forecaster="one more"), [999.0, 1999.0])
    np.testing.assert_allclose(scores["mse"].sel(forecaster="persistence"), [1000.0**2, 2000.0**2])


def test_paths_and_cubes_score_alike(predicted: xr.DataArray, cube: xr.DataArray, tmp_path: Path) -> None:
    forecast = write_cube(predicted, tmp_path / "forecast.zarr")
    observed = write_cube(cube, tmp_path / "observed.nc")
    scores = run.evaluate(predicted, cube, progress=False)
    xr.testing.assert_allclose(run.evaluate(forecast, observed, progress=False), scores)
    xr.testing.assert_allclose(run.evaluate(forecast, [observed], progress=False), scores)


def test_partial_truth_scores_what_is_known(predicted: xr.DataArray, cube: xr.DataArray) -> None:
    whole = run.evaluate(predicted, cube, progress=False)
    np.testing.assert_array_equal(whole["cases"], [9, 8])  # the last frames are not followed by any
    part = run.evaluate(predicted, cube.isel(time=slice(0, 6)), progress=False)
    np.testing.assert_array_equal(part["cases"], [3, 2])
    np.testing.assert_allclose(part["mse"].sel(forecaster="one more"), [999.0**2, 1999.0**2])
    holed = cube.copy(deep=True)
    holed[5, 0, :4] = np.nan
    some = run.evaluate(predicted, holed, progress=False)
    assert (some["pixels"] < whole["pixels"]).all()
    np.testing.assert_allclose(some["mse"].sel(forecaster="one more"), [999.0**2, 1999.0**2])


def test_no_truth_is_refused(predicted: xr.DataArray, cube: xr.DataArray) -> None:
    later = cube.assign_coords(time=cube["time"] + np.timedelta64(1, "D"))
    with pytest.raises(InputError, match="valid at an observed time"):
        run.evaluate(predicted, later, progress=False)


def test_other_units_are_refused(predicted: xr.DataArray, cube: xr.DataArray) -> None:
    with pytest.raises(InputError, match="other units"):
        run.evaluate(predicted, cube.assign_attrs(units="kg m-2"), progress=False)


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
