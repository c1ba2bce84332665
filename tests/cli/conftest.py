"""What the verbs are tried on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import xarray as xr

import nowcast
from nowcast import model_file
from nowcast.cube import grid_step
from nowcast.models import Persistence
from nowcast.scaling import Scaler

Cli = Callable[..., Any]


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, typed: Cli) -> Cli:
    """The command line in this process, in an empty working folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    return typed


@pytest.fixture
def frames(cube: xr.DataArray, cli: Cli) -> Path:
    """The counter cube in a store, in the working folder."""
    return nowcast.write_cube(cube, "frames.zarr")


@pytest.fixture
def model(cube: xr.DataArray, cli: Cli) -> Path:
    """A model that stands still: 3 frames in, 2 out."""
    card = model_file.Card(
        model="persistence",
        keywords={"channels": 1, "masked": False},
        scaler=Scaler("unit", 0.0, 1.0).to_dict(),
        variable="rain_rate",
        units="mm h-1",
        channels=1,
        grid_step=grid_step(cube),
        time_step_seconds=300.0,
        context=3,
        horizon=2,
        masked=False,
        trained_on={},
        versions={},
    )
    return model_file.save("model.safetensors", Persistence(channels=1, masked=False), card)
