"""A training that is killed, signalled, or finds its disk full goes on as if nothing had been, to the bit.

By real means: `kill -9` at random moments of `nowcast fit` and of what takes it up, SIGKILL and ENOSPC at each system
call of one save (strace), a tmpfs that is full, a folder that may not be written, reading processes that are killed. A
few of each; with `--full` 100 kills. A network is trained for some steps with a checkpoint after each.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
import torch
from test_kills import Task, _fill, small_disk, writer  # noqa: F401

import nowcast
from nowcast import model_file
from nowcast.datasets import advected_echoes
from nowcast.errors import InputError
from nowcast.training.checkpoints.file import read
from nowcast.training.checkpoints.folder import newest

FEW, MANY = 2, 100
LOADED = ("nowcast.run.fitting", "nowcast.training", "nowcast.run.judging", "nowcast.report", "matplotlib.pyplot")
LOADED += ("nowcast.readers.formats.zarr.stores", "scores", "h5netcdf", "typer")
"""Once, not in each training that is killed."""

SETTINGS = """
windows: {context: 2, horizon: 2}
training: {checkpoint_minutes: 1.0e-9, batch: 2}
model: {hidden: [4]}
scores: {most_references: 1}
"""


@pytest.fixture(scope="module")
def task() -> Iterator[Task]:
    with writer(*LOADED, OMP_NUM_THREADS="1") as give:
        yield give


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a cube and settings."""
    place = tmp_path_factory.mktemp("given")
    nowcast.write_cube(advected_echoes(frames=48, size=16), place / "cube.zarr")
    (place / "settings.yaml").write_text(SETTINGS)
    return place


def begin(given: Path, run: Path, *more: str) -> list[str]:
    """The words of a training."""
    settings = ["--config", str(given / "settings.yaml"), "--epochs", "3", *more]
    return ["fit", str(given / "cube.zarr"), "--run", str(run), *settings]


STEPS = 18
"""Of the training, each with a checkpoint."""


def moment(random: Random, run: Path, seconds: float) -> dict[str, Any]:
    """When to kill, as the writer is told: some time after one of the steps to come, or before the first.

    Steps, not the clock alone: how long a training takes differs with what else the machine does.
    """
    step = random.randint(steps_of(run), STEPS)
    part = 0.3 if step in (0, STEPS) else 0.05  # of the whole, that it prepares, takes a step, or scores
    after = {"kill_after": random.uniform(0, part) * seconds}
    return after if not step else {**after, "kill_from": step, "kill_in": str(run)}


def steps_of(run: Path) -> int:
    """Of the newest checkpoint."""
    return max((int(path.stem[5:]) for path in run.glob("checkpoints/step-*.ckpt")), default=0)


def go_on(given: Path, run: Path) -> list[str]:
    return ["fit", str(given / "cube.zarr"), "--run", str(run), "--resume"]


@pytest.fixture(scope="module")
def whole(given: Path, task: Task, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, float]:
    """The undisturbed run, and how long it took."""
    run = tmp_path_factory.mktemp("whole") / "run"
    seconds = []
    for _ in range(2):
        shutil.rmtree(run, ignore_errors=True)
        ended = task(words=begin(given, run))
        assert ended["code"] == 0, ended["told"]
        seconds.append(ended["seconds"])
    return run, min(seconds)


def learnt(run: Path) -> tuple[dict[str, torch.Tensor], list[dict[str, Any]]]:
    """The weights and the history but for its seconds."""
    rows = [json.loads(line) for line in (run / "history.jsonl").read_text().splitlines()]
    weights = model_file.load(run / "model.safetensors")[0].state_dict()
    return weights, [{name: value for name, value in row.items() if name != "seconds"} for row in rows]


def is_same(run: Path, other: Path) -> bool:
    (mine, rows), (yours, others) = learnt(run), learnt(other)
    return rows == others and mine.keys() == yours.keys() and all(torch.equal(mine[name], yours[name]) for name in mine)


def left_aside(run: Path) -> list[Path]:
    return list(run.rglob("*.part"))


@pytest.mark.slow
def test_kill_9_at_any_moment_changes_nothing(
    given: Path, whole: tuple[Path, float], task: Task, tmp_path: Path, full: bool
) -> None:
    """Each run is killed, and about half of them once or twice more after they were taken up."""
    random, undisturbed, kills = Random(7), whole[0], Counter[str]()
    runs = 0
    while sum(kills.values()) < (MANY if full else FEW):
        run, runs = tmp_path / f"run{runs}", runs + 1
        words, told = begin(given, run), []
        for _ in range(random.choice((1, 1, 2, 3))):
            ended = task(words=words, **moment(random, run, whole[1]))
            told.append(ended["told"])
            reached = (run / "begun.json").exists()
            if ended["code"] != -signal.SIGKILL:
                break
            steps = steps_of(run)
            kills["before" if not steps else "while it learnt" if steps < STEPS else "once it was learnt"] += 1
            words = go_on(given, run) if reached else begin(given, run)
        if ended["code"] == -signal.SIGKILL:
            ended = task(words=words)
            told.append(ended["told"])
        assert ended["code"] == 0 or "nothing is left to do" in ended["told"], "\n\n".join(told)
        assert is_same(run, undisturbed), "\n\n".join(told)
        assert left_aside(run) == []
        print(f"run {runs}: {sum(kills.values())} kills so far, the same to the bit", flush=True)
        shutil.rmtree(run)
    counts = ", ".join(f"{number} {when}" for when, number in sorted(kills.items()))
    print(f"\n{sum(kills.values())} kills of {runs} runs ({counts}): all {runs} the same to the bit")


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_keeps_every_step(
    number: signal.Signals, given: Path, whole: tuple[Path, float], task: Task, tmp_path: Path, full: bool
) -> None:
    random, kept = Random(number), 0
    for attempt in range(20 if full else 2):
        run = tmp_path / f"run{attempt}"
        at = {"kill_from": random.randint(1, STEPS // 2), "kill_in": str(run), "kill_after": 0.0}
        ended = task(words=begin(given, run), signal=number, **at)
        if ended["code"] == 0:  # it learnt the rest before the signal came
            continue
        assert "Traceback" not in ended["told"], ended["told"]
        assert ended["seconds"] < 10
        if (run / "checkpoints").exists() and "stopped: training ended by" in ended["told"]:
            assert ended["code"] == 128 + number
            assert f"nowcast fit {given / 'cube.zarr'} --resume --run {run}" in ended["told"]
            kept += 1
        again = task(words=go_on(given, run) if (run / "begun.json").exists() else begin(given, run))
        assert again["code"] == 0 or "nothing is left to do" in again["told"], again["told"]
        assert is_same(run, whole[0]), again["told"]
    print(f"\n{number.name}: {kept} of {attempt + 1} while it learnt")
    assert kept > 0


# One save

CALLS = ("mkdir", "openat", "write", "fsync", "rename", "rmdir", "unlink")


@pytest.fixture
def strace() -> None:
    if shutil.which("strace") is None:
        pytest.skip("no strace here")
    tried = subprocess.run(["strace", "-o", os.devnull, "true"], capture_output=True, check=False)
    if tried.returncode:
        pytest.skip("nothing may be traced here")


def saved(folder: Path, task: Task, step: int, inject: str | None = None) -> dict[str, Any]:
    folder.mkdir(exist_ok=True)
    return task(save=str(folder), step=step, **({} if inject is None else {"inject": inject}))


def loaded(folder: Path) -> tuple[int, int]:
    """The step of the newest checkpoint and that of the best, each of which is whole."""
    found = newest(folder)
    assert found is not None
    best = read(folder / "best.ckpt")
    for state in (found[1], best):
        assert torch.equal(state["weights"], torch.full((100_000,), float(state["step"])))
    return found[1]["step"], best["step"]


@pytest.mark.slow
@pytest.mark.usefixtures("strace")
def test_sigkill_at_each_call_of_a_save_leaves_the_old_or_the_new(task: Task, tmp_path: Path, full: bool) -> None:
    kills: Counter[str] = Counter()
    for call in CALLS if full else CALLS[2:5]:
        for number in range(1, 100):
            folder = tmp_path / f"{call}{number}"
            for step in (1, 2, 3):
                assert saved(folder, task, step)["code"] == 0
            ended = saved(folder, task, 4, f"{call}:signal=KILL:when={number}")
            assert ended["code"] in (0, -signal.SIGKILL), ended["told"]
            newest_step, best = loaded(folder)
            assert newest_step in (3, 4)
            assert best in (3, 4)
            assert best >= newest_step, "the best weights are there before the state that knows of them"
            assert saved(folder, task, 5)["code"] == 0
            assert loaded(folder) == (5, 5)
            shutil.rmtree(folder)
            if ended["code"] == 0:
                assert newest_step == 4
                break
            kills[f"{call}, {'old' if newest_step == 3 else 'new'}"] += 1
    print(f"\n{sum(kills.values())} kills in one save: " + ", ".join(f"{k} {v}" for k, v in sorted(kills.items())))
    assert {"write, old", "fsync, old", "rename, old", "fsync, new"} <= set(kills)


@pytest.mark.slow
@pytest.mark.usefixtures("strace")
@pytest.mark.parametrize("call", ["write", "fsync", "rename", "mkdir"])
def test_no_space_at_each_system_call_of_a_save_is_told_and_nothing_is_lost(
    call: str, task: Task, tmp_path: Path
) -> None:
    for number in range(1, 100):
        folder = tmp_path / str(number)
        for step in (1, 2, 3):
            assert saved(folder, task, step)["code"] == 0
        ended = saved(folder, task, 4, f"{call}:error=ENOSPC:when={number}")
        if ended["code"] == 0:
            break
        for words in ("MachineError", "could not be written", "No space left", "MB free", "bytes) on the disk of"):
            assert words in ended["told"], ended["told"]
        newest_step, best = loaded(folder)
        assert {newest_step, best} <= {3, 4}
        assert left_aside(folder) == []
    assert number > 2, "in the save of the best and in that of the state"


# The disk


def waited_for(condition: Callable[[], object], seconds: float = 60.0) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.002)
    return False


@contextlib.contextmanager
def happening(what: Callable[[], None]) -> Iterator[None]:
    """It goes on meanwhile."""
    other = threading.Thread(target=what)
    other.start()
    try:
        yield
    finally:
        other.join()


@pytest.mark.slow
def test_a_full_disk_ends_it_at_that_checkpoint_and_the_rest_follows_when_there_is_room(
    given: Path,
    whole: tuple[Path, float],
    task: Task,
    small_disk: Path,  # noqa: F811
) -> None:
    run = small_disk / "run"
    checkpoints = run / "checkpoints"
    needed = max(path.stat().st_size for path in (whole[0] / "checkpoints").iterdir())

    def fill() -> None:
        if waited_for(lambda: list(checkpoints.glob("step-*.ckpt"))):
            _fill(small_disk, leaving=needed // 2)

    with happening(fill):
        ended = task(words=begin(given, run))
    assert ended["code"] == 3, ended["told"]
    told = ended["told"]
    for words in ("this checkpoint could not be written, so training ended here", "No space left", "MB free"):
        assert words in told, told
    assert f"bytes) on the disk of {run / 'checkpoints'}" in told
    assert f"nowcast fit {given / 'cube.zarr'} --resume --run {run}" in told
    assert "Traceback" not in told
    found = newest(checkpoints)
    assert found is not None
    assert 0 < found[1]["nowcast"]["step"] < 18
    assert left_aside(run) == []
    (small_disk / "filler").unlink()
    assert task(words=go_on(given, run))["code"] == 0
    assert is_same(run, whole[0])


@pytest.mark.slow
def test_a_folder_that_may_no_longer_be_written_ends_it_at_the_next_checkpoint(
    given: Path, whole: tuple[Path, float], task: Task, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    checkpoints = run / "checkpoints"

    def forbid() -> None:
        if waited_for(lambda: list(checkpoints.glob("step-*.ckpt"))):
            checkpoints.chmod(0o555)

    with happening(forbid):
        ended = task(words=begin(given, run), obedient=True)
    try:
        assert ended["code"] == 3, ended["told"]
        assert "this checkpoint could not be written, so training ended here" in ended["told"]
        assert "Permission denied" in ended["told"]
        assert "Traceback" not in ended["told"]
        assert list(checkpoints.glob("step-*.ckpt"))
    finally:
        checkpoints.chmod(0o755)
    assert task(words=go_on(given, run), obedient=True)["code"] == 0
    assert is_same(run, whole[0])


# Processes that read


def below(pid: int) -> list[int]:
    """The processes that a process began, and theirs."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
        except OSError:  # it is gone
            continue
    found = [pid]
    for each in found:
        found += [child for child, parent in parents.items() if parent == each]
    return found[1:]


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="no /proc here")
def test_reading_processes_that_are_killed_are_replaced_and_none_is_left(
    given: Path, whole: tuple[Path, float], tmp_path: Path, full: bool
) -> None:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    words = [sys.executable, "-W", "ignore", "-m", "nowcast"]
    options = {"env": environment, "stderr": subprocess.PIPE, "stdout": subprocess.DEVNULL, "text": True}
    run = tmp_path / "killed"
    with subprocess.Popen([*words, *begin(given, run, "--workers", "1")], **options) as process:  # type: ignore[call-overload]
        assert waited_for(lambda: len(below(process.pid)) >= 3 or process.poll() is not None, 300)
        assert process.poll() is None, "a tracker of resources, a server of processes, and one of these"
        for each in below(process.pid)[:0:-1]:
            os.kill(each, signal.SIGKILL)
        _, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    assert is_same(run, whole[0])
    if not full:
        return
    run = tmp_path / "parent"
    with subprocess.Popen([*words, *begin(given, run, "--workers", "1")], **options) as process:  # type: ignore[call-overload]
        assert waited_for(lambda: list(run.glob("checkpoints/step-*.ckpt")), 300)
        others = below(process.pid)
        assert len(others) >= 3
        process.kill()
        process.communicate(timeout=60)
    assert waited_for(lambda: not any(map(is_alive, others)), 20), "they end with the one that they read for"


@pytest.mark.full
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="no /proc here")
def test_reading_processes_that_are_killed_again_and_again_end_it_with_what_died_and_what_to_do(
    given: Path, tmp_path: Path
) -> None:
    """The same in one process: tests/tensors/test_fetching.py."""
    words = [sys.executable, "-W", "ignore", "-m", "nowcast", *begin(given, tmp_path / "run", "--workers", "1")]
    killed = 0
    with subprocess.Popen(words, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as process:
        end = time.monotonic() + 300
        while process.poll() is None and time.monotonic() < end:
            for each in below(process.pid)[1:]:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(each, signal.SIGKILL)
                    killed += 1
            time.sleep(0.002)
        _, err = process.communicate(timeout=60)
    assert killed > 3
    assert process.returncode == 3, err
    assert "error: processes that read data were killed 4 times" in err
    assert "--workers 0 to read within this process" in err
    assert "Aborted" not in err
    assert not (tmp_path / "run").exists(), "no step was taken, so nothing is kept"


# Damage


@pytest.mark.slow
def test_a_damaged_checkpoint_falls_back_and_all_damaged_are_refused(
    given: Path, whole: tuple[Path, float], task: Task, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    shutil.copytree(whole[0], run)
    (run / "model.safetensors").unlink()
    steps = sorted((run / "checkpoints").glob("step-*.ckpt"))
    assert len(steps) == 3
    os.truncate(steps[-1], steps[-1].stat().st_size - 100)
    ended = task(words=go_on(given, run))
    assert ended["code"] == 0, ended["told"]
    assert f"{steps[-1]}: damaged" in ended["told"]
    assert f"resume   from {steps[-2].name}, the newest whole one: 1 step(s) are lost and done again" in ended["told"]
    assert is_same(run, whole[0])
    for path in (run / "checkpoints").glob("step-*.ckpt"):
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
    kept = (run / "history.jsonl").read_bytes()
    ended = task(words=go_on(given, run))
    assert ended["code"] == 2, ended["told"]
    assert "all 3 checkpoint(s) are damaged; nothing was changed" in ended["told"]
    assert (run / "history.jsonl").read_bytes() == kept


def test_a_run_begun_by_pickle_is_refused_by_name(tmp_path: Path) -> None:
    torch.save({"state_dict": {}}, tmp_path / "last.ckpt")
    with pytest.raises(InputError, match=r"last.ckpt: written by torch.save"):
        newest(tmp_path)
