"""Which network, in which frame, telling of what chances."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import xarray as xr

from nowcast.config import Settings
from nowcast.datasets import advected_echoes
from nowcast.run.preparing.modelling import batch_for, chances, frame_for, is_fed_back, network, patch_for
from nowcast.scaling import Scaler, Statistics
from nowcast.windows import plan

Maker = Callable[..., xr.DataArray]


def model(**told: Any) -> Settings:
    return Settings.model_validate({"model": told})


def test_without_a_word_it_is_the_cascade_with_chances_in_the_frame_that_suits(cube: xr.DataArray) -> None:
    settled = network(Settings(), cube)
    assert (settled.name, settled.frame, settled.output) == ("cascade", "auto", "chances")
    assert settled.hidden
    assert settled.patch is None
    assert settled.kernel is None


def test_another_network_is_as_it_was_published_unless_asked(cube: xr.DataArray) -> None:
    settled = network(model(name="predrnn"), cube)
    assert (settled.frame, settled.output) == ("still", "mean")
    assert settled.patch == 4
    assert is_fed_back(settled)
    around = network(model(name="predrnn", frame="lagrangian", output="chances"), cube)
    assert (around.frame, around.output) == ("lagrangian", "chances")
    assert not is_fed_back(around)


def test_another_loss_is_of_the_mean(cube: xr.DataArray) -> None:
    settings = Settings.model_validate({"training": {"loss": {"mae": 1.0}}})
    assert network(settings, cube).output == "mean"


def test_patches_are_larger_where_what_moves_is_held_still(cube: xr.DataArray) -> None:
    assert patch_for(network(model(frame="lagrangian"), cube)) > patch_for(network(model(frame="still"), cube))
    assert batch_for(128) > batch_for(256) > batch_for(1000) == 1


@pytest.mark.parametrize("moves", [True, False])
def test_the_frame_is_that_in_which_less_changes(moves: bool) -> None:
    cube = advected_echoes(frames=24, size=64)
    if not moves:  # what is there comes and goes at its place
        y, x = np.meshgrid(np.linspace(0, 9, 64), np.linspace(0, 9, 64), indexing="ij")
        fixed = (np.sin(y) * np.cos(x) + 1.5)[None, None]
        strength = (1 + 0.5 * np.sin(np.arange(24) * 0.9)).reshape(-1, 1, 1, 1)
        noise = np.random.default_rng(0).normal(0, 0.2, cube.shape)
        cube = cube.copy(data=(fixed * strength + noise).astype("float32"))
    scaler = Scaler.fit(cube)
    windows = plan(cube, context=4, horizon=4)
    assert frame_for(cube, windows, scaler) == ("lagrangian" if moves else "still")


def told(cube: xr.DataArray, asked: list[float] | None = None, *, method: str | None = None) -> dict[str, Any]:
    statistics = Statistics.of(cube)
    return chances(cube, statistics, Scaler.fit(cube, method=method, statistics=statistics), asked)


def test_rain_is_told_at_rates_that_part_it() -> None:
    cube = advected_echoes(frames=6, size=64)
    found = told(cube)
    scaler = Scaler.fit(cube)
    levels = scaler.invert(np.array(found["thresholds"]))
    assert levels[0] == pytest.approx(0.1, rel=1e-3)
    assert levels[-1] <= float(cube.max())
    assert found["bend"] == scaler.factor
    assert len(found["spreads"]) == len(found["thresholds"]) + 1
    share = float((cube.values >= levels[0]).mean())
    assert found["spreads"][1] == pytest.approx(np.sqrt(share * (1 - share)), rel=1e-2)


def test_thresholds_that_are_scored_are_told_of_and_others_by_quantiles(cube_maker: Maker) -> None:
    cube = cube_maker((6, 1, 20, 20)).rename("temperature")
    cube.attrs = {"units": "K"}
    values = np.random.default_rng(0).normal(280, 5, cube.shape).astype("float32")
    cube = cube.copy(data=values)
    found = told(cube, [283.0, 900.0])
    levels = Scaler.fit(cube).invert(np.array(found["thresholds"]))
    assert np.isclose(levels, 283.0, atol=1e-3).any()
    assert levels.max() < 300
    assert np.quantile(values, 0.5) == pytest.approx(levels[np.abs(levels - 280).argmin()], abs=0.2)
    assert found["bend"] == 0


def test_a_field_of_one_value_has_no_chances(cube_maker: Maker) -> None:
    cube = cube_maker((6, 1, 20, 20))
    assert told(cube.copy(data=np.ones(cube.shape, dtype="float32"))) == {}


def test_thresholds_of_a_pure_number_bear_no_unit(cube: xr.DataArray, capsys: pytest.CaptureFixture[str]) -> None:
    told(cube.assign_attrs(units="K").rename("field"))
    assert " K are told beside the mean" in capsys.readouterr().err
    told(cube.assign_attrs(units="1").rename("field"))
    assert " 1 are told beside the mean" not in capsys.readouterr().err
