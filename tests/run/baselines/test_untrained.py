"""A first forecast needs no training, and says of itself what every forecast says."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from nowcast import products, run, write_cube
from nowcast.errors import InputError
from nowcast.run.baselines.naming import baseline
from nowcast.run.source import READ_AS


def test_advection_from_the_newest_frames(showers: xr.DataArray, capsys: pytest.CaptureFixture[str]) -> None:
    made = run.forecast(showers[:40], model="advection")
    assert made.dims == ("forecast_reference_time", "lead_time", "channel", "y", "x")
    assert made["forecast_reference_time"].values == showers["time"].values[[39]]
    assert made.sizes["lead_time"] == 12
    assert made.attrs["nowcast_model"] == "advection"
    assert made.attrs["nowcast_context"] == 3
    assert made.attrs["units"] == showers.attrs["units"]
    assert "forecaster" not in made.attrs
    said = capsys.readouterr().err
    assert "advection, which needs no training: 3 frames in, 12 out, 60 min ahead (--horizon to change)" in said
    truth = showers.values[40:43]
    first, known = made.values[0, :3], np.isfinite(made.values[0, :3])
    assert known.mean() > 0.7
    still = np.broadcast_to(showers.values[39], truth.shape)
    assert np.mean((first - truth)[known] ** 2) < 0.5 * np.mean((still - truth)[known] ** 2)


def test_it_is_what_a_forecast_is_scored_beside(showers: xr.DataArray) -> None:
    made = run.forecast(showers[:50], model="advection", every=True, horizon=2, progress=False)
    assert made.sizes["forecast_reference_time"] == 48
    xr.testing.assert_equal(made, baseline("advection", showers, made).compute())
    scores = run.evaluate(made, showers, progress=False)
    assert list(scores["forecaster"].values) == ["forecast", "persistence", "advection"]
    np.testing.assert_array_equal(scores["mse"].sel(forecaster="forecast"), scores["mse"].sel(forecaster="advection"))


def test_persistence_at_a_time(cube: xr.DataArray) -> None:
    made = run.forecast(cube, model="persistence", at="2026-05-01T00:20", horizon=3, progress=False)
    np.testing.assert_array_equal(made.values, np.broadcast_to(cube.values[4], made.shape))
    assert made.attrs["nowcast_context"] == 1


def test_it_can_be_written_and_read_as_it_was(cube: xr.DataArray, tmp_path: Path) -> None:
    for name in ("a.nc", "b.nc"):
        write_cube(cube, tmp_path / name)
    told: dict[str, Any] = {"at": "2026-05-01T00:20", "horizon": 3, "options": {"time_step": "5min"}}
    made = run.forecast(tmp_path / "a.nc", model="persistence", **told, progress=False)
    assert json.loads(made.attrs[READ_AS]) == {"time_step": "5min"}
    write_cube(made, tmp_path / "forecast.nc")
    again = run.evaluate(tmp_path / "forecast.nc", tmp_path / "b.nc", baselines=["persistence"], progress=False)
    assert list(again["forecaster"].values) == ["forecast", "persistence"]


@pytest.mark.parametrize(
    ("asked", "said", "next_step"),
    [
        ({"model": "convlstm"}, "must be trained", "nowcast fit PATH --model convlstm"),
        ({"model": "advect"}, "--model 'advect' is not known", "--model advection"),
        ({"model": "advection", "run": "runs/x"}, "two models", "leave out"),
        ({"model": "advection", "at": "2026-05-01T00:05"}, "no forecast can start", "--at 2026-05-01T00:10:00"),
        ({"model": "advection", "horizon": 0}, "--horizon", None),
    ],
    ids=str,
)
def test_what_cannot_be_is_refused(asked: dict[str, Any], said: str, next_step: str | None, cube: xr.DataArray) -> None:
    with pytest.raises(InputError, match=said) as caught:
        run.forecast(cube, **asked, progress=False)
    assert next_step is None or next_step in str(caught.value)


def test_a_field_without_values_is_refused(cube: xr.DataArray) -> None:
    with pytest.raises(InputError, match="no pixel has a value"):
        run.forecast(cube.where(False), model="advection", progress=False)


@pytest.mark.skipif(importlib.util.find_spec("pysteps") is None, reason="pysteps is not installed")
def test_an_ensemble_says_what_every_forecast_says(showers: xr.DataArray) -> None:
    made: Any = run.forecast(showers[:40], model="steps", horizon=2, progress=False)
    assert products.is_forecast(made)
    for name, product in zip(made.data_vars, ("mean", "matched", "probability"), strict=True):
        assert made[name].attrs["nowcast_model"] == "steps"
        assert made[name].attrs["nowcast_product"] == product
    assert products.probability(made) is not None
