"""Blocks read ahead of need: by a thread of this process, or by processes of their own where reading is slow Python."""

from __future__ import annotations

import multiprocessing
import os
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Future, ProcessPoolExecutor, ThreadPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from multiprocessing.connection import wait as wait_for
from pathlib import Path
from typing import Protocol

import numpy as np

from nowcast.errors import MachineError
from nowcast.tensors.sources import Source
from nowcast.windows import Block

__all__ = ["Fetched", "Fetcher", "InProcesses", "InThreads"]

MOST_LOST = 3
"""Times that a killed reading process is replaced."""

A_MOMENT = 0.1
"""Seconds until a killed process is seen to be gone."""

LONG = 20.0
"""Seconds without an answer after which reading processes are told to go on, should somebody have stopped them."""


class Fetched(Protocol):
    """A block that is being read."""

    def values(self) -> np.ndarray:
        """The numbers, dims `(time, channel, y, x)`, once they are there.

        Raises
        ------
        InputError
            The file cannot be read.
        MachineError
            Reading processes die again and again.
        """
        ...

    def release(self) -> None:
        """Let go of the memory; may be called at any time, and the numbers not be used after it."""
        ...


class Fetcher(Protocol):
    """Reads blocks of numbered sources."""

    def fetch(self, source: int, block: Block) -> Fetched: ...

    def close(self) -> None: ...


class InThreads:
    """One thread that reads ahead; the libraries below decode chunks with threads of their own."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self._sources = sources
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="nowcast-read")

    def fetch(self, source: int, block: Block) -> Fetched:
        return _InThread(self._pool.submit(self._sources[source].read, block.time, block.y, block.x))

    def close(self) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)


class _InThread:
    def __init__(self, future: Future[np.ndarray]) -> None:
        self._future = future

    def values(self) -> np.ndarray:
        return self._future.result()

    def release(self) -> None:
        self._future.cancel()


class InProcesses:
    """So many processes, started clean (a fork after a read deadlocks), that read into memory shared with this one."""

    def __init__(self, sources: Sequence[Source], workers: int) -> None:
        self._sources, self._workers, self._lost = sources, workers, 0
        self._pool = self._begin()

    def _begin(self) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(
            self._workers,
            mp_context=multiprocessing.get_context("forkserver"),
            initializer=_hold,
            initargs=(tuple(self._sources),),
        )

    def fetch(self, source: int, block: Block) -> Fetched:
        held = self._sources[source]
        shape = tuple(part.stop - part.start for part in (block.time, block.y, block.x))
        shape = (shape[0], held.channels, *shape[1:])
        region = (block.time, block.y, block.x)
        return _InProcess(lambda path: self.submit(source, region, path), shape, held.dtype)

    def submit(self, source: int, region: tuple[slice, slice, slice], path: str) -> Future[None]:
        """Ask for a region to be read into a file in memory; dead processes, and what begins them, are replaced."""
        why: Exception | None = None
        for _ in range(MOST_LOST + 1):
            try:
                return self._pool.submit(_read, source, region, path)
            except (BrokenProcessPool, EOFError, OSError) as error:  # the latter two: what begins them is gone
                why = error
                self._lost += 1
                if self._lost > MOST_LOST:
                    break
                time.sleep(A_MOMENT)
                self._pool.shutdown(wait=False, cancel_futures=True)
                self._pool = self._begin()
        raise MachineError(
            f"processes that read data were killed {self._lost} times",
            found="no memory left, or somebody ends them",
            next_step="a lower --memory, or --workers 0 to read within this process",
        ) from why

    def close(self) -> None:
        _go_on()
        self._pool.shutdown(wait=True, cancel_futures=True)


def _go_on() -> None:
    for child in multiprocessing.active_children():
        if child.pid is not None and hasattr(signal, "SIGCONT"):
            with suppress(ProcessLookupError):
                os.kill(child.pid, signal.SIGCONT)


class _InProcess:
    """The memory is a file without a place on a disk, where the system has such: it is gone with its last user."""

    def __init__(self, ask: Callable[[str], Future[None]], shape: tuple[int, ...], dtype: np.dtype[np.generic]) -> None:
        if hasattr(os, "memfd_create"):
            self._file = os.memfd_create("nowcast")
            self._path = f"/proc/{os.getpid()}/fd/{self._file}"
        else:
            self._file, self._path = tempfile.mkstemp(prefix="nowcast-")
        os.ftruncate(self._file, max(1, int(np.prod(shape)) * dtype.itemsize))
        self._array: np.ndarray = np.memmap(self._path, dtype, mode="r+", shape=shape)
        self._ask = ask
        self._future = ask(self._path)

    def values(self) -> np.ndarray:
        while True:
            while not wait([self._future], LONG).done:
                _go_on()
            try:
                self._future.result()
                break
            except (BrokenProcessPool, CancelledError):  # by whoever replaced the processes
                self._future = self._ask(self._path)
        self._close()
        return self._array

    def release(self) -> None:
        self._array = np.empty(0)
        self._future.cancel()
        # One that is being read is written first: until then its path may be given to nothing else.
        self._future.add_done_callback(lambda _: self._close())

    def _close(self) -> None:
        """Nobody opens it any more."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
            if not hasattr(os, "memfd_create"):
                Path(self._path).unlink(missing_ok=True)


_held: tuple[Source, ...] = ()


def _hold(sources: tuple[Source, ...]) -> None:
    """Of a reading process: Ctrl-C is for the one that it reads for, and it ends when that one is gone."""
    global _held
    _held = sources
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait_for([parent.sentinel])
        os._exit(1)


def _read(source: int, region: tuple[slice, slice, slice], path: str) -> None:
    values = _held[source].read(*region)
    with suppress(FileNotFoundError):  # nobody waits for it any more
        np.memmap(path, values.dtype, mode="r+", shape=values.shape)[...] = values
