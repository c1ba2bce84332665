"""Two processes train as one does at the same batch; one that is killed ends the training, which is taken up again."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

import nowcast
from nowcast.datasets import advected_echoes

ROOT = Path(__file__).parents[3]
HERE = Path(__file__).parents[1]
WORKER = str(HERE / "ranks_worker.py")
LAUNCHED = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """What one process and what two processes made of each case; the two, and torchrun, were killed in the last."""
    one, two = (tmp_path_factory.mktemp(name) for name in ("one", "two"))
    cases = ["masked", "taught", "spoilt"]
    launch([sys.executable, WORKER, str(one), *cases])
    words = [*LAUNCHED, WORKER, str(two), *cases, "noisy", "killed"]
    with subprocess.Popen(words, env=around(), stderr=subprocess.PIPE, text=True) as torchrun:
        deadline = time.monotonic() + 600
        while not within_an_epoch(two / "killed") and torchrun.poll() is None and time.monotonic() < deadline:
            time.sleep(0.002)
        torchrun.kill()
        assert torchrun.wait() == -signal.SIGKILL, torchrun.communicate()[1]
        for number in range(2):
            os.kill(int((two / "killed" / f"process{number}").read_text()), signal.SIGKILL)
    return one, two


def launch(words: list[str]) -> None:
    ended = subprocess.run(words, env=around(), capture_output=True, text=True, check=False, timeout=600)
    assert ended.returncode == 0, ended.stderr


def within_an_epoch(folder: Path) -> bool:
    """Whether the second epoch of eleven steps is begun, and far from its end."""
    newest = max((int(path.stem[5:]) for path in folder.glob("checkpoints/step-*.ckpt")), default=0)
    return newest > 11 and newest % 11 in range(2, 7)


def around(**more: object) -> dict[str, str]:
    path = f"{ROOT}:{HERE}:{os.environ.get('PYTHONPATH', '')}"
    place = {name: str(each) for name, each in more.items()}
    return {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", **place}


def rows(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("case", ["masked", "taught"])
def test_two_processes_train_as_one_does(folders: tuple[Path, Path], case: str) -> None:
    one, two = (folder / case for folder in folders)
    for alone, together in zip(rows(one), rows(two), strict=True):
        assert alone["step"] == together["step"]
        assert together.keys() == alone.keys()
        assert case != "masked" or 0 < alone["csi@0.5mm/h"] < 1
        for name in alone.keys() - {"seconds"}:
            assert together[name] == pytest.approx(alone[name], rel=1e-5), name
    weights, others = load_file(one / "weights"), load_file(two / "weights")
    for name, each in weights.items():
        torch.testing.assert_close(others[name], each, rtol=1e-3, atol=1e-5)


def test_two_processes_find_the_learning_rate_that_one_does(folders: tuple[Path, Path]) -> None:
    (alone,), (first, second) = (
        [json.loads(path.read_text()) for path in sorted((folder / "masked").glob("found*.json"))] for folder in folders
    )
    assert first == second
    assert first[0] == alone[0]
    few = 40  # far below where it diverges
    assert first[2][:few] == pytest.approx(alone[2][:few], rel=1e-4)


def test_a_loss_that_is_not_finite_on_one_stops_all_and_its_windows_are_named(folders: tuple[Path, Path]) -> None:
    said = json.loads((folders[1] / "spoilt.json").read_text())
    assert said[0] == said[1]
    assert "the loss became" in said[0]
    assert "e+38" in said[0]


def test_two_processes_that_were_killed_go_on_as_if_nothing_had_been(folders: tuple[Path, Path]) -> None:
    """To the bit; `kill -9` came within an epoch, and each process draws on from where it was."""
    undisturbed, killed = (folders[1] / case for case in ("noisy", "killed"))
    assert not (killed / "weights").exists()
    launch([*LAUNCHED, WORKER, str(folders[1]), "killed"])
    same, other = ([{**row, "seconds": 0} for row in rows(each)] for each in (undisturbed, killed))
    assert same == other
    weights, others = load_file(undisturbed / "weights"), load_file(killed / "weights")
    assert all(torch.equal(each, others[name]) for name, each in weights.items())


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[list[subprocess.Popen[str]]]:
    """Two that train on in `tmp_path / "run"`, as torchrun would start them."""
    nowcast.write_cube(advected_echoes(frames=40, size=16), tmp_path / "cube.zarr")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [sys.executable, "-m", "nowcast", "fit", "cube.zarr", "--run", "run", "--epochs", "100000", "--batch", "4"]
    words += ["--model", "convlstm", "--hidden", "4", "--context", "3", "--horizon", "2"]
    place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": 2, "LOCAL_WORLD_SIZE": 2}
    started = []
    for number in range(2):
        environment = around(RANK=number, LOCAL_RANK=number, **place)
        started.append(subprocess.Popen(words, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True))
    yield started
    for each in started:
        each.kill()
        each.communicate()


@pytest.mark.parametrize("killed", [pytest.param(0, marks=pytest.mark.full), 1])
def test_a_process_that_is_killed_ends_the_training_which_is_taken_up_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, processes: list[subprocess.Popen[str]], killed: int
) -> None:
    deadline = time.monotonic() + 300
    while len(list((tmp_path / "run" / "checkpoints").glob("step-*.ckpt"))) < 2:
        assert time.monotonic() < deadline
        assert all(each.poll() is None for each in processes), [each.communicate()[1] for each in processes]
        time.sleep(0.1)
    processes[killed].send_signal(signal.SIGKILL)
    _, said = processes[1 - killed].communicate(timeout=60)
    assert processes[1 - killed].returncode == 3, said
    assert "another of the 2 processes of this training ended" in said
    done = rows(tmp_path / "run")[-1]
    monkeypatch.chdir(tmp_path)
    nowcast.fit("cube.zarr", run="run", resume=True, epochs=done["epoch"] + 2, progress=False)
    assert rows(tmp_path / "run")[-1]["epoch"] == done["epoch"] + 2
