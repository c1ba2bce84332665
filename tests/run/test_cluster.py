"""On a dask cluster everything comes out as it does without one, also when a worker is killed in the middle."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import nowcast
from nowcast import run
from nowcast.cube import check
from nowcast.datasets import advected_echoes
from nowcast.errors import InputError, MachineError
from nowcast.run.cluster import on_cluster
from nowcast.sampling import event_index
from nowcast.sampling.statistics import motion
from nowcast.scaling import Statistics
from nowcast.windows import plan

distributed = pytest.importorskip("distributed")

pytestmark = [
    # distributed closes its sockets and subprocesses when the loop of its thread comes to it
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.slow,
]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    cube = advected_echoes(frames=64, size=64)
    return nowcast.write_cube(cube.chunk(time=4), tmp_path_factory.mktemp("cluster") / "radar.zarr")


@pytest.fixture(scope="module")
def cluster() -> Iterator[distributed.Client]:
    with on_cluster("local:2") as workers:
        assert workers == 2
        yield distributed.default_client()


def slowly(cube: xr.DataArray) -> xr.DataArray:
    """The same, with a tenth of a second for each chunk."""

    def wait(block: np.ndarray) -> np.ndarray:
        if block.size:
            time.sleep(0.1)
        return block

    return cube.copy(data=cube.data.map_blocks(wait, meta=cube.data._meta))


def kill_one(client: distributed.Client, after: float) -> threading.Timer:
    process = next(iter(client.run(os.getpid).values()))
    timer = threading.Timer(after, os.kill, (process, signal.SIGKILL))
    timer.start()
    return timer


def same(one: Statistics, other: Statistics) -> bool:
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in one.__dataclass_fields__)


def alike(one: Path, other: Path) -> bool:
    """But for the history, which tells when each was written."""
    cubes = [nowcast.open_cube(path).compute() for path in (one, other)]
    return cubes[0].drop_attrs(deep=False).identical(cubes[1].drop_attrs(deep=False))


def test_statistics_and_events_are_the_same_when_a_worker_is_killed(store: Path, cluster: distributed.Client) -> None:
    cube = nowcast.open_cube(store, chunks={"time": 4})
    chosen = plan(cube, context=3, horizon=3, patch=16)
    # dask's threads and processes add in one order, that of the graph
    expected = Statistics.of(cube), event_index(cube.compute(), chosen, motion)
    timer = kill_one(cluster, 0.4)
    found = Statistics.of(slowly(cube))
    timer.join()
    assert same(found, expected[0])
    index = event_index(cube, chosen, motion)
    np.testing.assert_array_equal(index.importance, expected[1].importance)


def test_a_conversion_is_the_same_when_a_worker_is_killed(
    store: Path, cluster: distributed.Client, tmp_path: Path
) -> None:
    cube = check(slowly(nowcast.open_cube(store, chunks={"time": 4})))
    timer = kill_one(cluster, 0.4)
    out = run.convert(cube, tmp_path / "copy.zarr", progress=False)
    timer.join()
    assert alike(out, store)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["copy.zarr"]


@pytest.mark.parametrize("suffix", [".nc", ".zarr", ".ome.tif", ".ome.zarr"])
def test_what_every_format_holds_is_read_by_workers(suffix: str, cluster: distributed.Client, tmp_path: Path) -> None:
    path = nowcast.write_cube(advected_echoes(frames=6, size=16), tmp_path / f"cube{suffix}")
    cube = nowcast.open_cube(path)
    there = cluster.compute(cube.data).result(timeout=60)
    np.testing.assert_array_equal(there, cube.data.compute(scheduler="synchronous"))


def test_the_command_line_works_on_a_cluster(store: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "nowcast", "convert", str(store), str(tmp_path / "a.zarr"), "--dask", "local:1"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 0, ended.stderr
    assert "cluster  local:1: 1 worker(s)" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert alike(tmp_path / "a.zarr", store)


def test_a_cluster_without_workers_is_given_up(store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nowcast.run.cluster.DESERTED_SECONDS", 2)
    dask = Path(sys.executable).parent / "dask"
    quiet = {"stderr": subprocess.DEVNULL, "cwd": tmp_path}
    file = tmp_path / "scheduler.json"
    scheduler = subprocess.Popen(
        [dask, "scheduler", "--port", "0", "--no-dashboard", "--no-show", "--scheduler-file", file], **quiet
    )
    worker = subprocess.Popen([dask, "worker", "--scheduler-file", file, "--no-nanny", "--no-dashboard"], **quiet)
    try:
        while not file.exists():
            time.sleep(0.1)
        address = json.loads(file.read_text())["address"]
        before = nowcast.write_cube(advected_echoes(frames=4, size=16), tmp_path / "out.zarr")
        kept = nowcast.open_cube(before).compute()
        cube = slowly(nowcast.open_cube(store, chunks={"time": 4}))

        def deserted() -> None:
            with on_cluster(address):
                threading.Timer(0.3, worker.kill).start()
                run.convert(cube, tmp_path / "out.zarr", progress=False)

        with pytest.raises(MachineError, match=r"(?s)all workers are gone.*without --dask"):
            deserted()
        xr.testing.assert_identical(nowcast.open_cube(before).compute(), kept)
    finally:
        for process in (worker, scheduler):
            process.kill()
            process.wait()


def test_nobody_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nowcast.run.cluster.CONNECT_SECONDS", 1)
    with pytest.raises(MachineError, match="no worker answers"), on_cluster("tcp://127.0.0.1:1"):
        pass


@pytest.mark.parametrize("address", ["localhost", "local:0", "http://a", "local:x"])
def test_what_is_no_address(address: str) -> None:
    with pytest.raises(InputError, match="is no cluster"), on_cluster(address):
        pass


def test_nothing_is_changed_where_no_cluster_is_named() -> None:
    with on_cluster(None) as workers:
        assert workers == 0
