"""`nowcast fit`, typed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

import nowcast
from nowcast import config, model_file
from nowcast.datasets import advected_echoes

Cli = Callable[..., Any]


def test_fit_has_a_flag_for_every_keyword(cli: Cli) -> None:
    shown = cli("fit", "--help").out
    for name in config.FLAGS:
        assert f"--{name.replace('_', '-')} " in shown


def test_a_wrong_flag_is_named(cli: Cli, frames: Path) -> None:
    assert "--epochs" in cli("fit", frames, "--epochs", "0").err
    assert "--model" in cli("fit", frames, "--model", "convlst").err
    assert "--hidden 'a'" in cli("fit", frames, "--hidden", "a").err


def test_gaps_are_bridged_by_fit_and_a_frame_in_one_is_forecast_from(cube: xr.DataArray, cli: Cli) -> None:
    echoes = advected_echoes(frames=60, size=16)
    nowcast.write_cube(echoes.drop_isel(time=[8, 15, 58]), "holed.zarr")
    words = ("fit", "holed.zarr", "--context", 4, "--horizon", 3, "--epochs", 1, "--hidden", 4, "--run", "run")
    assert "--max-missing is of no use to --gaps skip" in cli(*words, "--max-missing", 1).err
    assert "--gaps" in cli(*words, "--gaps", "fill").err
    assert not Path("run").exists()
    ended = cli(*words, "--gaps", "hold")
    assert ended.code == 0, ended.err
    assert "3 of 3 bridged by --gaps hold (3 frame(s) absent" in ended.err
    assert "cascade" in ended.out
    assert model_file.load_card("run/model.safetensors").gaps == {"policy": "hold", "most": 1}
    kept = config.resolve("run/config.yaml").windows
    assert (kept.gaps, kept.max_missing) == ("hold", 1)
    missing = np.datetime_as_string(echoes["time"].values[58], "s")
    made = cli("forecast", "holed.zarr", "-o", "f.nc", "--run", "run", "--at", missing)
    assert made.code == 0, made.err
    assert "missing  1 of the 4 frames given" in made.err
    with xr.open_dataset("f.nc") as written:
        assert written["missing_inputs"].values.tolist() == [1]
        assert np.isfinite(written["rain_rate"].values).all()
    resumed = cli("fit", "holed.zarr", "--epochs", 2, "--run", "run", "--resume")
    assert resumed.code == 0, resumed.err


def test_json_is_one_object_with_where_the_run_lies(cli: Cli) -> None:
    nowcast.write_cube(advected_echoes(frames=60, size=16), "echoes.zarr")
    words = ("fit", "echoes.zarr", "--context", 3, "--horizon", 2, "--epochs", 1, "--hidden", 4, "--run", "run")
    ended = cli(*words, "--json", "-q")
    assert (ended.code, ended.err) == (0, "")
    told = json.loads(ended.out)
    assert (told["run"], told["model_file"]) == ("run", "run/model.safetensors")
    assert told["forecasters"][0] == "cascade"
    assert len(told["scores"]["advection"]["mse"]) == 2
    assert told["scores"]["advection"]["crps"] is not None
