"""Outputs when the writer is killed or the disk is full: what stood there before, or the new one, complete; never less.

`kill -9` at random moments of the writing of a forecast over an earlier one: 3 for each format, 100 with `--full`.
A real full disk: a tmpfs of a few MB, which only root may mount.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from writing_worker import observed

import nowcast
from nowcast.readers import open_forecast

SUFFIXES = (".nc", ".zarr", ".ome.tif", ".ome.zarr", ".mkv", ".mp4", ".gif")
FEW, MANY = 3, 100
DISK = "6m"

Task = Callable[..., dict[str, Any]]


@contextlib.contextmanager
def writer(*loaded: str, **environment: str) -> Iterator[Task]:
    """Gives the writer, which has loaded some modules before, one task at a time and waits for its end."""
    script = Path(__file__).with_name("writing_worker.py")
    words = [sys.executable, "-W", "ignore", str(script), *loaded]
    told = {**os.environ, **environment}
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=told) as child:

        def give(**words: Any) -> dict[str, Any]:
            assert child.stdin is not None
            assert child.stdout is not None
            child.stdin.write(json.dumps(words) + "\n")
            child.stdin.flush()
            answer: dict[str, Any] = json.loads(child.stdout.readline())
            return answer

        yield give
        child.kill()


@pytest.fixture(scope="module")
def task() -> Iterator[Task]:
    with writer() as give:
        yield give


def content(path: Path) -> str:
    """A digest of every pixel, as our own reader gives it, which checks all checksums on its way."""
    if path.suffix == ".gif":
        from PIL import Image, ImageSequence

        with Image.open(path) as picture:
            data = b"".join(frame.convert("RGB").tobytes() for frame in ImageSequence.Iterator(picture))
    elif path.suffixes[-2:-1] == [".ome"] or path.suffix in (".mkv", ".mp4"):
        data = nowcast.open_cube(path, start_time="2026-05-01", rgb=path.suffix != ".tif").values.tobytes()
    else:
        data = open_forecast(path).values.tobytes()
    return hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.filterwarnings("ignore::nowcast.errors.NowcastWarning")
def test_kill_9_leaves_the_old_output_or_the_new_one(suffix: str, task: Task, tmp_path: Path, full: bool) -> None:
    random = Random(suffix)
    path = tmp_path / f"forecast{suffix}"
    first = task(path=str(path), number=0, kill_after=None)
    if "needs the package" in first["told"]:
        pytest.skip(first["told"])
    assert first["code"] == 0, first["told"]
    again = task(path=str(path), number=0, kill_after=None)
    standing = content(path)
    ends: Counter[str] = Counter()
    for number in range(1, 1 + (MANY if full else FEW)):
        fresh = tmp_path / "undisturbed" / f"forecast{suffix}"
        fresh.parent.mkdir(exist_ok=True)
        assert task(path=str(fresh), number=number, kill_after=None)["code"] == 0
        ended = task(path=str(path), number=number, kill_after=random.uniform(0, 1.1) * again["seconds"])
        found = content(path)
        assert found in (standing, content(fresh)), f"{suffix}, kill {number}: neither the old nor the new output"
        assert found != standing or ended["code"] != 0, "an output that was complete before the kill is there"
        ends["new" if found != standing else "old"] += 1
        standing = found
    print(
        f"\n{suffix}: {sum(ends.values())} kills, {ends['old']} times the old output, {ends['new']} times the new one"
    )
    assert task(path=str(path), number=999, kill_after=None)["code"] == 0
    assert content(path) != standing


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own with a few MB."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = os.geteuid() == 0 and not subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(place)], capture_output=True, check=False
    ).returncode  # fmt: skip
    if not mounted:
        pytest.skip("a small disk can only be mounted by root")
    yield place
    subprocess.run(["umount", "-l", str(place)], capture_output=True, check=True)


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty frames of noise."""
    frames = observed(1).isel(time=np.resize(np.arange(6), 60))
    times = np.datetime64("2026-05-01", "ns") + np.arange(60) * np.timedelta64(5, "m")
    values = np.random.default_rng(5).random(frames.shape).astype("float32") * 100
    path = tmp_path_factory.mktemp("large") / "large.zarr"
    return nowcast.write_cube(frames.copy(data=values).assign_coords(time=times), path)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_full_disk_leaves_the_old_output(suffix: str, task: Task, small_disk: Path, large: Path) -> None:
    path = small_disk / f"out{suffix}"
    first = task(path=str(path), number=0, kill_after=None)
    if "needs the package" in first["told"]:
        pytest.skip(first["told"])
    assert first["code"] == 0, first["told"]
    before = _bytes(small_disk)
    _fill(small_disk, leaving=400_000)
    ended = task(words=["convert", str(large), str(path)])
    assert ended["code"] == 3, ended["told"]
    for words in (str(path), "nothing in its place was changed", "No space left", "MB free", "make room"):
        assert words in ended["told"], ended["told"]
    assert "Traceback" not in ended["told"]
    (small_disk / "filler").unlink()
    after = _bytes(small_disk)
    if suffix == ".zarr":  # conversion to a store keeps what it has, to go on with it
        assert "--resume" in ended["told"]
        after = {name: data for name, data in after.items() if not name.startswith(".out.zarr.part")}
    assert after == before, "the old output, and nothing beside it"


def _fill(place: Path, *, leaving: int) -> None:
    free = os.statvfs(place).f_bavail * os.statvfs(place).f_frsize
    (place / "filler").write_bytes(bytes(max(0, free - leaving)))


def _bytes(place: Path) -> dict[str, bytes | None]:
    return {str(each.relative_to(place)): each.read_bytes() if each.is_file() else None for each in place.rglob("*")}
