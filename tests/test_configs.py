"""Every configuration is read, and fits for a step."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile

import nowcast
from nowcast import config, model_file, protocols
from nowcast.datasets import advected_echoes

PROTOCOLS = sorted((Path(__file__).parent.parent / "configs" / "protocols").glob("*.yaml"))
CONFIGS = sorted((Path(__file__).parent.parent / "configs").glob("*.yaml"))


def radar(folder: Path) -> Path:
    return nowcast.write_cube(advected_echoes(frames=52, size=16), folder / "radar.nc")


def satellite(folder: Path) -> Path:
    """Counts with blocks that were lost, which the file does not say."""
    counts = 150 + 220 * np.log1p(advected_echoes(frames=52, size=16))
    counts[4::9, :, :8, 4:12] = 0
    return nowcast.write_cube(counts.rename("counts").assign_attrs(units="1"), folder / "satellite.nc")


def microscopy(folder: Path) -> Path:
    """A stack that says nothing of itself."""
    spots = 400 + 900 * advected_echoes(frames=52, size=16, growth=0.5).values[:, 0]
    tifffile.imwrite(folder / "stack.tif", np.clip(spots, 0, 65535).astype("uint16"))
    return folder / "stack.tif"


def video(folder: Path) -> Path:
    """A clip of another size than it is resized to."""
    frames = advected_echoes(frames=110, size=96)
    return nowcast.write_cube((frames * 20).clip(0, 255), folder / "clip.mkv")


WORLDS: dict[str, Callable[[Path], Path]] = {
    "radar": radar,
    "satellite": satellite,
    "microscopy": microscopy,
    "video": video,
}


@pytest.mark.parametrize("world", ["radar", "satellite", "microscopy", pytest.param("video", marks=pytest.mark.slow)])
def test_the_config_of_a_world_reads_its_file_and_fits(world: str, tmp_path: Path) -> None:
    if world == "video":
        pytest.importorskip("av")
    path = next(path for path in CONFIGS if path.stem == world)
    scores = nowcast.fit(
        WORLDS[world](tmp_path), run=tmp_path / "run", config_file=path, epochs=1, hidden=[4], progress=False
    )
    settings = config.resolve(path)
    assert scores["forecaster"].values[0] == settings.model.name
    assert scores.sizes["lead_time"] == settings.windows.horizon
    kept = config.resolve(tmp_path / "run" / "config.yaml").data.model_dump()
    told = settings.data.model_dump(exclude_defaults=True)
    assert {name: kept[name] for name in told} == told, "the file was read as it says"
    if settings.data.missing_value is not None:
        assert model_file.load_card(tmp_path / "run" / "model.safetensors").masked, "zeros are what was lost"


@pytest.mark.parametrize("path", [path for path in CONFIGS if path.stem not in WORLDS], ids=lambda path: path.name)
def test_a_config_fits(path: Path, tmp_path: Path) -> None:
    settings = config.resolve(path)
    window = (settings.windows.context or 4) + (settings.windows.horizon or 4)
    cube = advected_echoes(frames=5 * window + 4, size=24)
    scores = nowcast.fit(cube, run=tmp_path / "run", config_file=path, epochs=1, hidden=[4], progress=False)
    assert scores["forecaster"].values[0] == settings.model.name
    assert {"persistence", "advection"} <= set(scores["forecaster"].values)


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
