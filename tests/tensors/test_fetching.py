"""Blocks are read ahead, in a thread or in other processes; a process that is killed is replaced, and errors arrive."""

from __future__ import annotations

import os
import signal
import tempfile
from concurrent.futures import wait
from pathlib import Path
from time import sleep

import numpy as np
import pytest
import xarray as xr

from nowcast.errors import InputError, MachineError
from nowcast.scaling import Scaler
from nowcast.tensors.fetching import Fetcher, InProcesses, InThreads
from nowcast.tensors.sources import Source, source_of
from nowcast.windows import Block

BLOCK = Block(slice(1, 14), slice(2, 9), slice(0, 7), np.arange(3))


@pytest.fixture
def source(packed: xr.DataArray) -> Source:
    return source_of(packed, Scaler("unit", 0.0, 1.0))


def shared_memory() -> set[str]:
    """What this process holds open of memory that others may read, and what lies about."""
    held = {str(path.readlink()) for path in Path("/proc/self/fd").iterdir() if path.is_symlink()}
    left = {path.name for path in Path(tempfile.gettempdir()).glob("nowcast-*")}
    return {name for name in held if "memfd:nowcast" in name} | left


def children(fetcher: InProcesses) -> list[int]:
    return list(fetcher._pool._processes)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_block_is_what_its_source_reads(source: Source, workers: int) -> None:
    before = shared_memory()
    fetcher: Fetcher = InProcesses([source], workers) if workers else InThreads([source])
    fetched = [fetcher.fetch(0, BLOCK) for _ in range(3)]
    for each in fetched:
        np.testing.assert_array_equal(each.values(), source.read(*BLOCK[:3]))
        each.release()
    fetcher.close()
    assert shared_memory() <= before


def test_what_is_let_go_of_unread_leaves_nothing(source: Source) -> None:
    before = shared_memory()
    fetcher = InProcesses([source], 1)
    for each in [fetcher.fetch(0, BLOCK) for _ in range(4)]:
        each.release()
    fetcher.close()
    assert shared_memory() <= before


class Slow:
    """A source whose frame 0 takes longer to read than all others; each frame holds its number."""

    channels = 1
    dtype = np.dtype("int64")
    edges = np.arange(3), np.arange(2), np.arange(2)
    table = None

    def read(self, time: slice, y: slice, x: slice) -> np.ndarray:
        if time.start == 0:
            sleep(1)
        return np.full((1, 1, 1, 1), time.start)


def test_what_is_let_go_of_while_it_is_read_is_written_nowhere_else() -> None:
    fetcher = InProcesses([Slow()], 2)
    for each in [fetcher.fetch(0, frame(number)) for number in (1, 2)]:  # so that both processes are there
        each.values()
    slow = fetcher.fetch(0, frame(0))
    sleep(0.1)
    slow.release()
    others = [fetcher.fetch(0, frame(number)) for number in (1, 2, 3)]
    wait([each._future for each in (*others, slow)])  # type: ignore[attr-defined]
    assert [int(each.values().item()) for each in others] == [1, 2, 3]
    fetcher.close()


def frame(number: int) -> Block:
    return Block(slice(number, number + 1), slice(0, 1), slice(0, 1), np.arange(1))


@pytest.mark.parametrize("workers", [0, 1])
def test_damage_arrives_where_the_block_is_needed(packed: xr.DataArray, source: Source, workers: int) -> None:
    for chunk in (Path(packed.encoding["source"]) / "rain_rate" / "c").rglob("[0-9]"):
        if chunk.is_file():
            chunk.write_bytes(b"garbage" * 5)
    fetcher: Fetcher = InProcesses([source], workers) if workers else InThreads([source])
    fetched = fetcher.fetch(0, BLOCK)
    with pytest.raises(InputError, match=r"packed.zarr: damaged"):
        fetched.values()
    fetched.release()
    fetcher.close()


def test_a_killed_process_is_replaced(source: Source) -> None:
    fetcher = InProcesses([source], 1)
    fetcher.fetch(0, BLOCK).values()
    os.kill(children(fetcher)[0], signal.SIGKILL)
    sleep(0.2)
    np.testing.assert_array_equal(fetcher.fetch(0, BLOCK).values(), source.read(*BLOCK[:3]))
    fetcher.close()


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="no /proc here")
def test_what_begins_processes_is_replaced(source: Source) -> None:
    fetcher = InProcesses([source], 1)
    fetcher.fetch(0, BLOCK).values()
    stat = Path(f"/proc/{children(fetcher)[0]}/stat").read_text()
    beginner = int(stat.rpartition(")")[2].split()[1])
    assert beginner != os.getpid()
    os.kill(beginner, signal.SIGKILL)
    np.testing.assert_array_equal(fetcher.fetch(0, BLOCK).values(), source.read(*BLOCK[:3]))
    fetcher.close()


def test_processes_that_die_again_and_again_are_told(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nowcast.tensors.fetching.MOST_LOST", 0)
    fetcher = InProcesses([source], 1)
    first = fetcher.fetch(0, BLOCK)
    first.values()
    first.release()
    os.kill(children(fetcher)[0], signal.SIGKILL)
    sleep(0.2)
    with pytest.raises(MachineError, match=r"(?s)killed.*--workers 0"):
        fetcher.fetch(0, BLOCK).values()
    fetcher.close()


def test_a_stopped_process_is_told_to_go_on(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nowcast.tensors.fetching.LONG", 0.2)
    fetcher = InProcesses([source], 1)
    fetcher.fetch(0, BLOCK).values()
    os.kill(children(fetcher)[0], signal.SIGSTOP)
    np.testing.assert_array_equal(fetcher.fetch(0, BLOCK).values(), source.read(*BLOCK[:3]))
    os.kill(children(fetcher)[0], signal.SIGSTOP)
    fetcher.close()


def test_ctrl_c_is_not_for_the_reading_processes(source: Source) -> None:
    fetcher = InProcesses([source], 1)
    fetcher.fetch(0, BLOCK).values()
    before = children(fetcher)
    os.kill(before[0], signal.SIGINT)
    sleep(0.2)
    np.testing.assert_array_equal(fetcher.fetch(0, BLOCK).values(), source.read(*BLOCK[:3]))
    assert children(fetcher) == before
    fetcher.close()
