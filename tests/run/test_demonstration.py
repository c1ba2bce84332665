"""The whole path on synthetic data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

import nowcast
from nowcast.datasets import advected_echoes
from nowcast.readers import open_forecast
from nowcast.run import demonstration


@pytest.fixture
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same showers on a field small enough for a test."""

    def echoes(*, frames: int, size: int, seed: int, **_: Any) -> xr.DataArray:
        assert (frames, size) == (160, 96)
        return advected_echoes(frames=90, size=12, seed=seed)

    monkeypatch.setattr(demonstration, "advected_echoes", echoes)


@pytest.mark.slow
@pytest.mark.usefixtures("_small")
def test_everything_is_written_and_scored(tmp_path: Path) -> None:
    place = tmp_path / "demo"
    (place / "run-1").mkdir(parents=True)
    (place / "run-1" / "notes.txt").write_text("of an earlier demo")
    scores = demonstration.demo(place, max_minutes=0.001)
    assert {entry.name for entry in place.iterdir()} == {
        "forecast.nc", "forecast.png", "radar.zarr", "run-1", "run-2", "scores.nc",
    }  # fmt: skip
    assert [entry.name for entry in (place / "run-1").iterdir()] == ["notes.txt"]
    assert scores.attrs["run"] == str(place / "run-2")
    assert (place / "run-2" / "model.safetensors").is_file()
    assert list(scores["forecaster"].values) == ["cascade", "persistence", "advection"]
    assert np.isfinite(scores["mse"]).all()
    assert scores.attrs["picture"] == str(place / "forecast.png")
    cube, forecast = nowcast.open_cube(place / "radar.zarr"), open_forecast(place / "forecast.nc")
    # scored on the last part of time alone, none of which was trained on
    assert forecast["forecast_reference_time"].values[0] > cube["time"].values[-40]
    with xr.open_dataset(place / "scores.nc") as kept:
        np.testing.assert_allclose(kept["mse"].values, scores["mse"].values)
