"""Windows cut from blocks into batches, by a thread that keeps a few batches ahead of whoever takes them."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from types import TracebackType
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from torch import Tensor

from nowcast.tensors.fetching import Fetched, Fetcher
from nowcast.windows import EpochOrder, JoinedBlocks

__all__ = ["Cut", "Cutter"]

WAIT = 0.2
"""Seconds after which a thread that waits looks whether anybody still wants what it makes."""


class Cut(NamedTuple):
    """Windows as they were read, `(b t c h w)`; of several cubes, which each is from, `(b,)`; and their numbers.

    `memory` is what the windows lie in; it is written to again when the next cut is asked for.
    """

    windows: Tensor
    cubes: Tensor | None
    numbers: np.ndarray
    memory: Tensor


class Cutter:
    """The batches of an epoch, from the batch `first` on. Use it in a `with`; iterate over it once.

    Parameters
    ----------
    edges
        Where batches begin among the windows of the epoch, and where the last ends.
    pinned
        Whether batches lie in memory that a GPU can copy from by itself.
    kept
        Blocks that are held from pass to pass, by number; None: blocks are let go of after their last window.
    """

    def __init__(
        self,
        order: EpochOrder,
        blocks: JoinedBlocks,
        fetcher: Fetcher,
        *,
        edges: np.ndarray,
        first: int,
        dtype: np.dtype[Any],
        channels: int,
        prefetch: int,
        pinned: bool,
        kept: dict[int, Fetched] | None,
    ) -> None:
        self._order, self._blocks, self._fetcher, self._kept = order, blocks, fetcher, kept
        self._edges, self._first = edges, first
        plan = blocks.plans[0].plan
        self._shape = (plan.context + plan.horizon, channels, *plan.patch)
        self._starts = [np.array(each.plan.starts) for each in blocks.plans]
        self._corners = [np.array(each.plan.corners) for each in blocks.plans]
        self._stop = threading.Event()
        self._made: queue.Queue[Cut | BaseException | None] = queue.Queue()
        self._free: queue.Queue[Tensor] = queue.Queue()
        most = int(np.diff(edges).max(initial=0))
        kind = torch.from_numpy(np.empty(0, dtype)).dtype
        for _ in range(max(1, prefetch) + 1):
            self._free.put(torch.empty((most, *self._shape), dtype=kind, pin_memory=pinned))
        self._thread = threading.Thread(target=self._work, name="nowcast-cut", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def __iter__(self) -> Iterator[Cut]:
        while (cut := self._made.get()) is not None:
            if isinstance(cut, BaseException):
                raise cut
            yield cut
            self._free.put(cut.memory)

    def _work(self) -> None:
        held: dict[int, Fetched] = {}
        try:
            self._cut(held)
            self._made.put(None)
        except BaseException as error:  # whatever it is, whoever waits for a batch must hear of it
            self._made.put(error)
        finally:
            if self._kept is None:
                for fetched in held.values():
                    fetched.release()

    def _cut(self, held: dict[int, Fetched]) -> None:
        order, batch = self._order, self._first
        if batch >= len(self._edges) - 1:
            return
        step, begun = order.step_at(int(self._edges[batch]))
        making = _Making(self._buffer(), self._size(batch))
        for number in range(step, order.steps):
            values = self._values(held, number)
            windows, places = (part[begun:] for part in order.step(number))
            begun = 0
            cubes, firsts = self._firsts(windows, places)
            done = 0
            while done < len(windows):
                if self._stop.is_set():
                    return
                part = slice(done, min(done + making.room, len(windows)))
                making.add([values[place] for place in places[part].tolist()], firsts[part], windows[part], cubes[part])
                done = part.stop
                if not making.room:
                    self._made.put(making.cut(several=len(self._starts) > 1))
                    batch += 1
                    if batch == len(self._edges) - 1:
                        return
                    making = _Making(self._buffer(), self._size(batch))

    def _values(self, held: dict[int, Fetched], step: int) -> dict[int, np.ndarray]:
        """The blocks of a step; those before it are let go of, the one after it is asked for."""
        places = self._order.places(step)
        for place in [place for place in held if place not in places]:
            fetched = held.pop(place)
            if self._kept is None:
                fetched.release()
        for place in range(places.start, min(places.stop + 1, len(self._order.blocks))):
            if place not in held:
                held[place] = self._fetch(self._order.blocks[place])
        return {place: held[place].values() for place in places}

    def _fetch(self, number: int) -> Fetched:
        if self._kept is not None and number in self._kept:
            return self._kept[number]
        fetched = self._fetcher.fetch(*self._blocks.place(number))
        if self._kept is not None:
            self._kept[number] = fetched
        return fetched

    def _firsts(self, windows: np.ndarray, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Of each window: the cube, and its first frame, row and column in its block."""
        cubes, numbers = self._blocks.split(windows)
        firsts = np.empty((len(windows), 3), dtype=int)
        for cube in np.unique(cubes).tolist():
            mine = cubes == cube
            start, corner = np.divmod(numbers[mine], len(self._corners[cube]))
            firsts[mine, 0] = self._starts[cube][start]
            firsts[mine, 1:] = self._corners[cube][corner]
        for place in np.unique(places).tolist():
            block = self._blocks.place(self._order.blocks[place]).block
            firsts[places == place] -= (block.time.start, block.y.start, block.x.start)
        return cubes, firsts

    def _size(self, batch: int) -> int:
        return int(self._edges[batch + 1] - self._edges[batch])

    def _buffer(self) -> Tensor:
        while not self._stop.is_set():
            try:
                return self._free.get(timeout=WAIT)
            except queue.Empty:
                continue
        return torch.empty(0)


class _Making:
    """A batch that windows are still put into."""

    def __init__(self, buffer: Tensor, size: int) -> None:
        self._buffer, self._size, self._filled = buffer, size, 0
        self._array = buffer.numpy()
        self._windows: list[np.ndarray] = []
        self._cubes: list[np.ndarray] = []

    @property
    def room(self) -> int:
        return self._size - self._filled

    def add(self, blocks: list[np.ndarray], firsts: np.ndarray, windows: np.ndarray, cubes: np.ndarray) -> None:
        length, _, height, width = self._array.shape[1:]
        for place, (block, (t, y, x)) in enumerate(zip(blocks, firsts.tolist(), strict=True), self._filled):
            self._array[place] = block[t : t + length, :, y : y + height, x : x + width]
        self._filled += len(blocks)
        self._windows.append(windows)
        self._cubes.append(cubes)

    def cut(self, *, several: bool) -> Cut:
        cubes = torch.from_numpy(np.concatenate(self._cubes)) if several else None
        return Cut(self._buffer[: self._size], cubes, np.concatenate(self._windows), self._buffer)
