"""Blocks read ahead of need: by a thread of this process, or by processes of their own where reading is slow Python."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from multiprocessing.shared_memory import SharedMemory
from typing import Protocol

import numpy as np

from nowcast.errors import MachineError
from nowcast.tensors.sources import Source
from nowcast.windows import Block

__all__ = ["Fetched", "Fetcher", "InProcesses", "InThreads"]

MOST_LOST = 3
"""Times that a killed reading process is replaced."""


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
        shared = SharedMemory(create=True, size=max(1, int(np.prod(shape)) * held.dtype.itemsize))
        region = (block.time, block.y, block.x)
        return _InProcess(lambda: self.submit(source, region, shared.name), shared, shape, held.dtype)

    def submit(self, source: int, region: tuple[slice, slice, slice], name: str) -> Future[None]:
        """Ask for a region to be read into shared memory; dead processes are replaced."""
        for _ in range(MOST_LOST + 1):
            try:
                return self._pool.submit(_read, source, region, name)
            except BrokenProcessPool:
                self._lost += 1
                if self._lost > MOST_LOST:
                    break
                self._pool.shutdown(wait=False, cancel_futures=True)
                self._pool = self._begin()
        raise MachineError(
            f"processes that read data were killed {self._lost} times",
            found="no memory left, or somebody ends them",
            next_step="a lower --memory, or --workers 0 to read within this process",
        )

    def close(self) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)


class _InProcess:
    def __init__(
        self, ask: Callable[[], Future[None]], shared: SharedMemory, shape: tuple[int, ...], dtype: np.dtype[np.generic]
    ) -> None:
        self._ask, self._shared = ask, shared
        self._array: np.ndarray | None = np.ndarray(shape, dtype, buffer=shared.buf)
        self._future = ask()

    def values(self) -> np.ndarray:
        while True:
            try:
                self._future.result()
                break
            except BrokenProcessPool:
                self._future = self._ask()
        assert self._array is not None  # noqa: S101  (nobody asks after release)
        return self._array

    def release(self) -> None:
        self._future.cancel()
        self._array = None
        self._shared.unlink()
        with suppress(BufferError):  # a view that is still about closes it when it goes
            self._shared.close()


_held: tuple[Source, ...] = ()


def _hold(sources: tuple[Source, ...]) -> None:
    global _held
    _held = sources


def _read(source: int, region: tuple[slice, slice, slice], name: str) -> None:
    values = _held[source].read(*region)
    shared = SharedMemory(name)
    try:
        np.ndarray(values.shape, values.dtype, buffer=shared.buf)[...] = values
    finally:
        shared.close()
