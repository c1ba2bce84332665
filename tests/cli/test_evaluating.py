"""`nowcast evaluate`, typed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

Cli = Callable[..., Any]


def test_evaluate_prints_the_table_and_keeps_what_it_is_told_to(cli: Cli, frames: Path, model: Path) -> None:
    assert cli("forecast", frames, "-o", "forecast.nc", "--run", model, "--every").code == 0
    words = ("-o", "scores.nc", "--picture", "p.png", "--thresholds", "100,5000", "--baselines", "persistence")
    ended = cli("evaluate", "forecast.nc", frames, *words)
    assert ended.code == 0
    assert "1.00e+06" in ended.out or "1000000" in ended.out
    assert "CSI ≥ 100" in ended.out
    assert "wrote scores.nc and p.png" in ended.err
    with xr.open_dataset("scores.nc") as scores:
        np.testing.assert_array_equal(scores["threshold"], [100.0, 5000.0])
        np.testing.assert_allclose(scores["mse"].sel(forecaster="persistence"), [1e6, 4e6])
    assert Path("p.png").read_bytes().startswith(b"\x89PNG")
    assert sorted(entry.name for entry in Path().iterdir()) == [
        "forecast.nc",
        "frames.zarr",
        "model.safetensors",
        "p.png",
        "scores.nc",
    ]


def test_json_is_where_things_lie_and_the_main_figures(cli: Cli, frames: Path, model: Path) -> None:
    made = cli("forecast", frames, "-o", "forecast.nc", "--run", model, "--every", "--json", "-q")
    assert (made.code, made.err) == (0, "")
    told = json.loads(made.out)
    assert (told["forecast"], told["variable"], told["units"]) == ("forecast.nc", "rain_rate", "mm h-1")
    assert told["lead_seconds"] == [300.0, 600.0]
    assert told["products"] == ["rain_rate"]
    assert told["model"] == "persistence"
    assert (told["reference_times"][0], len(told["reference_times"])) == ("2026-05-01T00:10:00", 10)
    words = ("-o", "scores.nc", "--picture", "p.png", "--baselines", "persistence", "--json")
    ended = cli("evaluate", "forecast.nc", frames, *words)
    assert ended.code == 0
    assert ended.out.count("\n") == 1
    assert "next:" not in ended.err
    told = json.loads(ended.out)
    assert (told["scores_file"], told["picture"]) == ("scores.nc", "p.png")
    np.testing.assert_allclose(told["scores"]["persistence"]["mse"], [1e6, 4e6])
    assert told["forecasters"] == ["forecast", "persistence"]
    assert {"model", "standings"} <= set(told["verdict"])
