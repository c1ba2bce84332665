"""What the pages on clusters, object stores and operation show is executed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pytest
import xarray as xr

import nowcast
from nowcast.datasets import advected_echoes

ROOT = Path(__file__).parent.parent

LEAKS = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
"""Sockets of distributed's that its own end leaves to Python."""


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@LEAKS
@pytest.mark.slow
def test_the_page_on_dask_clusters(page: Callable[[str], Any]) -> None:
    """Its commands are those that tests/test_how_to.py runs on a cluster of this machine."""
    pytest.importorskip("distributed")
    shown = page("how_to/dask_cluster.md")
    nowcast.write_cube(advected_echoes(frames=20, size=16), "archive.nc")
    assert [words[0] for words in shown.commands()] == ["convert", "inspect", "convert"]
    shown.execute({})
    copied, archive = nowcast.open_cube("copy.zarr"), nowcast.open_cube("archive.nc")
    np.testing.assert_array_equal(copied.values, archive.values)


@pytest.fixture
def memory() -> Iterator[None]:
    """The page's store, in memory."""
    nowcast.write_cube(advected_echoes(frames=20, size=16), "radar.zarr")
    files = fsspec.filesystem("memory")
    files.put("radar.zarr", "/radar.zarr", recursive=True)
    yield
    files.rm("/radar.zarr", recursive=True)


def test_the_page_on_object_stores(page: Callable[[str], Any], typed: Callable[..., Any], memory: None) -> None:
    shown = page("how_to/object_stores.md")
    assert shown.execute({})["cube"].sizes["time"] == 20
    for words in shown.commands()[:2]:
        here = [f"file://{Path.cwd()}/radar.zarr" if word.startswith("s3://") else word for word in words]
        here = ["copy.zarr" if word == "radar.zarr" else word for word in here]
        ended = typed(*here)
        assert ended.code == 0, ended.err
        refused = typed(*(word for word in here if word != "--remote"))
        assert refused.code != 0
        assert "--remote" in refused.err
    assert nowcast.open_cube("copy.zarr").sizes["time"] == 20
    extras = re.findall(r"`(\w+)://[^`]*` \| `pip install '?([\w\[\]]+)", shown.path.read_text())
    from nowcast.readers.formats.zarr.remote import _EXTRAS

    assert {kind: name.replace("nowcast[remote]", "aiohttp") for kind, name in extras} == {
        kind: _EXTRAS[kind] for kind, _ in extras
    }


@pytest.mark.slow
def test_the_page_on_operation(page: Callable[[str], Any], typed: Callable[..., Any]) -> None:
    """With a late frame, with more missing than the model knows, as the script stands, and with a damaged one."""
    shown = page("how_to/operational.md")
    cube = advected_echoes(frames=80, size=16, seed=3)
    nowcast.write_cube(cube.drop_isel(time=[20, 33]), "archive.zarr")
    fit, report, forecast, evaluate, page_of_scores = shown.commands()
    ended = typed(*fit, "--epochs", "1", "--hidden", "4", "--horizon", "4")
    assert ended.code == 0, ended.err
    assert typed(*report).code == 0

    Path("incoming").mkdir()
    Path("forecasts").mkdir()
    for number in (*range(52, 62), 63, 65):  # 64 is late
        nowcast.write_cube(cube.isel(time=[number]), f"incoming/{number}.nc")
    script = shown.blocks("sh")[1]
    ways = [each.split() for each in re.findall(r'"(--[^"]+)"', script)]
    assert [words[-1] for words in ways] == ["runs/operational/model.safetensors", "advection", "persistence"]

    def cycle(way: list[str]) -> Any:
        words = [part for word in forecast for part in {"$out": ["forecasts/newest.nc"], "$how": way}.get(word, [word])]
        return typed(*words)

    assert cycle(ways[0]).code == 2  # 62 and 64 are too much
    assert cycle(ways[1]).code == 2  # no three frames in a row
    nowcast.write_cube(cube.isel(time=[62]), "incoming/62.nc")
    ended = cycle(ways[0])
    assert ended.code == 0, ended.err
    with xr.open_dataset("forecasts/newest.nc", decode_timedelta=True) as written:
        assert written["missing_inputs"].values.tolist() == [1]
    ended = typed(*evaluate)
    assert ended.code == 0, ended.err
    assert typed(*page_of_scores).code == 0

    for number in (59, 60, 61, 62, 63):
        Path(f"incoming/{number}.nc").unlink()
    Path("bin").mkdir()
    Path("bin/nowcast").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m nowcast "$@"\n')
    Path("bin/nowcast").chmod(0o755)
    around = {**os.environ, "PATH": f"{Path.cwd()}/bin:{os.environ['PATH']}"}
    around["PYTHONPATH"] = f"{ROOT}:{os.environ.get('PYTHONPATH', '')}"
    ended = subprocess.run(["bash", "-c", script], env=around, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr + Path("cycle.log").read_text()
    with xr.open_dataset("forecasts/newest.nc", decode_timedelta=True) as written:
        assert written["rain_rate"].attrs["nowcast_model"] == "persistence"
    assert Path("forecasts/newest.nc").is_symlink()

    os.truncate("incoming/65.nc", 3000)
    refused = cycle(ways[2])
    assert refused.code == 2
    assert "65.nc" in refused.err
    assert shown.execute({})["age"] == np.timedelta64(0)
