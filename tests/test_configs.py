"""Every configuration is read, and fits for a step."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

import nowcast
from nowcast import config, protocols
from nowcast.datasets import advected_echoes

PROTOCOLS = sorted((Path(__file__).parent.parent / "configs" / "protocols").glob("*.yaml"))
CONFIGS = sorted((Path(__file__).parent.parent / "configs").glob("*.yaml"))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_a_config_fits(path: Path, tmp_path: Path) -> None:
    settings = config.resolve(path)
    window = (settings.windows.context or 4) + (settings.windows.horizon or 4)
    cube = advected_echoes(frames=5 * window + 4, size=24)
    scores = nowcast.fit(cube, run=tmp_path / "run", config_file=path, epochs=1, hidden=[4], progress=False)
    assert scores["forecaster"].values[0] == settings.model.name
    assert {"persistence", "advection"} <= set(scores["forecaster"].values)


def test_the_radar_config_shows_every_setting_with_its_default() -> None:
    path = Path(__file__).parent.parent / "configs" / "radar.yaml"
    assert config.resolve(path) == config.Settings()
    assert {room: set(keys) for room, keys in yaml.safe_load(path.read_text()).items()} == {
        room: set(values) for room, values in config.Settings().model_dump().items()
    }


@pytest.mark.slow
@pytest.mark.parametrize("path", PROTOCOLS, ids=lambda path: path.name)
def test_a_protocol_runs_on_its_locked_data(path: Path, shared_data: Path) -> None:
    pytest.importorskip("av")
    protocol, _ = protocols.load(path)
    assert protocol.data.sha256
    assert protocol.split.sha256
    found = protocols.benchmark(path, data=shared_data / "video" / "kth", progress=False)
    assert found["same"]["data"]["locked"]
    assert found["same"]["split"]["starting_times"] == 25


@pytest.mark.parametrize("name", ["moving-mnist-drawn"])
def test_a_shipped_protocol_runs_without_any_file(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only its sequences are fewer, and so its split is another."""
    protocol, place = protocols.load(name)
    few = protocol.model_copy(
        update={
            "data": protocol.data.model_copy(update={"keywords": {**protocol.data.keywords, "sequences": 24}}),
            "split": protocol.split.model_copy(update={"sha256": None}),
        }
    )
    monkeypatch.setattr(protocols.benchmarking, "load", lambda _: (few, place))
    found = protocols.benchmark(name, progress=False)
    assert found["same"]["split"]["starting_times"] == 2
    assert found["same"]["scores"]["advection"]["mean"]["mse"] > 0
