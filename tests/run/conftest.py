"""Small cubes and one small trained run, shared by the tests of the verbs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from nowcast import model_file, run
from nowcast.cube import FORECAST_DIMS, grid_step, time_step
from nowcast.datasets import advected_echoes
from nowcast.models import Persistence
from nowcast.scaling import Scaler


@pytest.fixture(scope="session")
def showers() -> xr.DataArray:
    """60 frames of 32 x 32 km."""
    return advected_echoes(frames=60, size=32)


@pytest.fixture(scope="session")
def trained(showers: xr.DataArray, tmp_path_factory: pytest.TempPathFactory) -> xr.Dataset:
    """The scores of a run of one epoch on them; read it, never write to it."""
    return run.fit(showers, run=tmp_path_factory.mktemp("runs") / "tiny", epochs=1, hidden=[4], batch=4, progress=False)


@pytest.fixture
def still(tmp_path: Path) -> Callable[..., Path]:
    """Writes the model file of persistence for a cube; `gaps=("hold", 1)` for one that can do without a frame."""

    def save(
        cube: xr.DataArray,
        path: Path | None = None,
        *,
        context: int = 3,
        horizon: int = 2,
        gaps: tuple[str, int] = ("skip", 0),
    ) -> Path:
        masked = gaps[0] != "skip"
        card = model_file.Card(
            model="persistence",
            keywords={"channels": 1, "masked": masked},
            scaler=Scaler("unit", 0.0, 1.0).to_dict(),
            variable=str(cube.name),
            units=cube.attrs.get("units"),
            channels=1,
            grid_step=grid_step(cube),
            time_step_seconds=time_step(cube) or 300.0,
            context=context,
            horizon=horizon,
            masked=masked,
            trained_on={},
            versions=model_file.versions(),
            gaps={"policy": gaps[0], "most": gaps[1]},
        )
        place = path or tmp_path / "still.safetensors"
        place.parent.mkdir(parents=True, exist_ok=True)
        return model_file.save(place, Persistence(channels=1, masked=masked), card)

    return save


@pytest.fixture(scope="session")
def like() -> Callable[..., xr.DataArray]:
    """Makes a forecast cube of zeros for a cube, from its frames `at`: what a baseline is asked to be made like."""

    def make(cube: xr.DataArray, at: list[int], leads: int = 4, context: int = 4) -> xr.DataArray:
        ahead = 5 * np.arange(1, leads + 1) * np.timedelta64(1, "m")
        return xr.DataArray(
            np.zeros((len(at), leads, *cube.shape[1:]), "float32"),
            dims=FORECAST_DIMS,
            coords={
                "forecast_reference_time": cube["time"].values[at],
                "lead_time": ahead.astype("timedelta64[ns]"),
                "y": cube["y"],
                "x": cube["x"],
            },
            name=cube.name,
            attrs={**cube.attrs, "nowcast_model": "other", "nowcast_context": context},
        )

    return make
