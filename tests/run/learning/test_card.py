"""What the file of a trained model says of it."""

from __future__ import annotations

import xarray as xr

from nowcast import config, model_file
from nowcast.datasets import advected_echoes
from nowcast.run.learning.card import card_of
from nowcast.run.preparing.prepared import prepare


def test_the_card_tells_what_a_forecast_needs(trained: xr.Dataset) -> None:
    forecaster, card = model_file.load(trained.attrs["model_file"])
    assert (card.model, card.variable, card.units, card.channels) == ("cascade", "rain_rate", "mm h-1", 1)
    assert card.time_step_seconds == 300.0
    assert card.grid_step == {"y": 1000.0, "x": 1000.0, "units": "m", "y_rises": False, "x_rises": True}
    assert card.masked is False
    assert sum(weight.numel() for weight in forecaster.parameters()) > 0


def test_sources_and_options_are_remembered_and_what_is_unsafe_is_not() -> None:
    cube = advected_echoes(frames=40, size=16)
    cube.encoding["source"] = "somewhere/radar.nc"
    cube.attrs["dataset:license"] = "CC-BY-4.0"
    flags = {"context": 3, "horizon": 2, "hidden": [4], "crop": "0:16,0:16", "trust_pickle": True}
    part = prepare(cube, config.resolve(flags=flags))
    card = card_of([part], part.forecaster())
    assert card.trained_on["source"] == "somewhere/radar.nc"
    assert card.read_as["crop"] == "0:16,0:16"
    assert "trust_pickle" not in card.read_as
    assert card.trained_on["licences"] == ["CC-BY-4.0"]
    assert card.verdict == {}
