"""Baselines, trained models and recipes as makers of forecasts."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import nowcast
from nowcast.errors import InputError
from nowcast.protocols import Protocol
from nowcast.protocols.cutting import cut
from nowcast.protocols.forecasters import fitted, of_baseline, of_model
from nowcast.protocols.schema import Budget, Recipe

RECIPE = {"model": {"name": "convlstm", "hidden": [4]}, "training": {"batch": 8}}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, echoes: xr.DataArray) -> Path:
    place = tmp_path_factory.mktemp("runs") / "run"
    nowcast.fit(echoes, run=place, model="convlstm", hidden=[4], context=3, horizon=2, epochs=1, seed=0, progress=False)
    return place


def test_persistence_is_the_newest_frame(echoes: xr.DataArray, protocol_of: Callable[..., Protocol]) -> None:
    made = of_baseline("persistence", protocol_of())(echoes.compute(), [2, 7])
    assert made.shape == (2, 2, 1, 16, 16)
    np.testing.assert_array_equal(made.values[1], np.stack([echoes.values[7]] * 2))


def test_a_trained_model_is_named_by_its_bytes(
    run: Path, echoes: xr.DataArray, protocol_of: Callable[..., Protocol]
) -> None:
    name, told, make = of_model(run, echoes, protocol_of())
    assert name == f"convlstm {told['sha256'][:8]}"
    made = make(echoes[:12].compute(), [2, 7])
    direct = nowcast.forecast(echoes, run=run, at=[str(echoes["time"].values[i]) for i in (2, 7)], progress=False)
    np.testing.assert_array_equal(made.values, direct.values)
    with pytest.raises(InputError, match="needs more frames"):
        of_model(run, echoes, protocol_of(windows={"context": 2, "horizon": 2, "stride": 5}))


def test_a_recipe_is_fitted_on_what_the_split_leaves(
    echoes: xr.DataArray, protocol_of: Callable[..., Protocol], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    protocol = protocol_of(split={"rule": "time"}, models={"small": RECIPE}, budget={"epochs": 1})
    test = cut(echoes, protocol)
    recipe: Recipe = protocol.models["small"]
    place = fitted(echoes, test, protocol, "small", recipe, seed=3, budget=Budget(epochs=1))
    assert place.parts[0] == "runs"
    assert json.loads((place / "split.json").read_text())["parts"]["test"]["runs"] == [
        [each.start, each.stop] for each in test.runs
    ]
    assert "seed: 3" in (place / "config.yaml").read_text()
