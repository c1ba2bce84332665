"""`nowcast evaluate`, typed."""

from __future__ import annotations

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
