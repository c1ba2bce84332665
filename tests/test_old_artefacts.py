"""What every release wrote is read by this version, or refused by name; tests/artefacts/make.py made it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

import nowcast
from nowcast import config, model_file
from nowcast.training.checkpoints import file as checkpoint_file

KEPT = Path(__file__).parent / "artefacts"
RELEASES = sorted(path.name for path in KEPT.iterdir() if (path / "run").is_dir())


@pytest.fixture(params=RELEASES)
def release(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A copy of what a release wrote."""
    return Path(shutil.copytree(KEPT / request.param, tmp_path / request.param))


def test_this_release_is_among_them() -> None:
    assert nowcast.__version__.partition(".dev")[0] in RELEASES


def test_its_model_forecasts_what_it_forecast_then(release: Path) -> None:
    card = model_file.load_card(release / "run" / "model.safetensors")
    assert card.versions["nowcast"] == release.name
    made = nowcast.forecast(release / "cube.nc", run=release / "run", progress=False)
    assert isinstance(made, xr.DataArray)
    with xr.open_dataset(release / "forecast.nc", decode_timedelta=True) as then:
        kept = then["rain_rate"].load()
    np.testing.assert_allclose(np.squeeze(made.values), np.squeeze(kept.values), rtol=1e-4, atol=1e-4)


def test_its_checkpoint_and_settings_are_read(release: Path) -> None:
    (path,) = (release / "run" / "checkpoints").glob("step-*.ckpt")
    state = checkpoint_file.read(path)
    assert state["versions"]["nowcast"] == release.name
    assert state["global_step"] == 4
    settings = config.resolve(release / "run" / "config.yaml")
    assert settings.model.hidden == (4, 4)


def test_its_forecast_is_scored_and_its_run_has_a_page(release: Path, typed: Callable[..., Any]) -> None:
    nowcast.forecast(release / "cube.nc", run=release / "run", every=True, progress=False)
    shown = typed("report", release / "run")
    assert shown.code == 0, shown.err
    assert "<html" in (release / "run" / "report.html").read_text()


def test_its_training_is_found_at_its_end(release: Path, typed: Callable[..., Any]) -> None:
    ended = typed("fit", release / "cube.nc", "--resume", "--run", release / "run")
    assert ended.code == 2
    assert "nothing is left to do" in ended.err
    assert "2 epoch(s) done" in ended.err
