"""Every configuration is read, and fits for a step."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

import nowcast
from nowcast import config
from nowcast.datasets import advected_echoes

CONFIGS = sorted((Path(__file__).parent.parent / "configs").glob("*.yaml"))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_a_config_fits(path: Path, tmp_path: Path) -> None:
    settings = config.resolve(path)
    window = (settings.windows.context or 4) + (settings.windows.horizon or 4)
    cube = advected_echoes(frames=5 * window + 4, size=24)
    scores = nowcast.fit(cube, run=tmp_path / "run", config_file=path, epochs=1, hidden=[4], progress=False)
    assert set(scores["forecaster"].values) == {settings.model.name, "persistence"}


def test_the_radar_config_shows_every_setting_with_its_default() -> None:
    path = Path(__file__).parent.parent / "configs" / "radar.yaml"
    assert config.resolve(path) == config.Settings()
    assert {room: set(keys) for room, keys in yaml.safe_load(path.read_text()).items()} == {
        room: set(values) for room, values in config.Settings().model_dump().items()
    }
