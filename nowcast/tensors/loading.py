"""The loader: batches of windows, blocks read ahead by one thread and windows cut by another while a model works."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch

from nowcast.errors import InputError
from nowcast.tensors.batches import Batch, Preparation
from nowcast.tensors.cutting import Cut, Cutter
from nowcast.tensors.dataset import Windows
from nowcast.tensors.fetching import Fetched, Fetcher, InProcesses, InThreads
from nowcast.tensors.sources import source_of
from nowcast.windows import EpochOrder, JoinedBlocks, Shares, plan_blocks

__all__ = ["MEMORY", "Loader"]

MEMORY = 500_000_000
"""Bytes for blocks, where nothing is said."""


class Loader:
    """Batches of the windows of one or several cubes, each window once an epoch, in an order by (seed, epoch) alone.

    Where an epoch stands is a number of batches: `state_dict` tells it, and after `load_state_dict` the next pass
    goes on from there without reading what lies before.

    Parameters
    ----------
    parts
        Of each cube its windows; context, horizon, patch and channels are the same for all.
    batch
        Windows in a batch, of all processes together. The last one of an epoch may have fewer.
    shuffle
        Blocks and windows in a new order each epoch; False: as they lie.
    memory
        Bytes for the blocks of this process. If all windows' frames fit, they are read once and kept.
    workers
        Processes that read blocks; 0: a thread of this one.
    prefetch
        Batches that are cut ahead.
    rank, world
        Which of several training processes this is: each window comes once over all of them, in as many batches. If all
        blocks are held, a batch has the same windows however many processes share it, and each reads all blocks. Else
        blocks are shared, so that each is read by one or two of them, and batches mix other windows.
    device
        Where batches are scaled and given.
    drawn
        The windows of an epoch, by its number: ascending, numbered through all cubes. None: all.
    prepared
        Applied to each batch, with the numbers of its windows and the epoch: augmentation.

    Attributes
    ----------
    most
        Batches of an epoch, the first of its order; None: all.

    Raises
    ------
    InputError
        The processes cannot have equal shares of a batch.
    """

    def __init__(
        self,
        parts: Sequence[Windows],
        *,
        batch: int,
        shuffle: bool = True,
        seed: int = 0,
        memory: int = MEMORY,
        workers: int = 0,
        prefetch: int = 2,
        rank: int = 0,
        world: int = 1,
        device: str | torch.device = "cpu",
        drawn: Callable[[int], np.ndarray] | None = None,
        prepared: Callable[[Batch, np.ndarray, int], Batch] | None = None,
    ) -> None:
        self._kept: dict[int, Fetched] = {}
        self._fetcher: Fetcher | None = None
        if batch % world:
            fits = [each for each in (batch - batch % world, batch + world - batch % world) if each]
            raise InputError(
                f"batches of {batch} windows cannot be shared by {world} processes alike",
                found=f"{batch / world:.2f} windows on each",
                next_step=" or ".join(f"--batch {each}" for each in fits),
            )
        self.batch, self.shuffle, self.seed, self.prefetch = batch, shuffle, seed, prefetch
        self.rank, self.world, self.device = rank, world, torch.device(device)
        self.epoch, self._given, self._first = 0, 0, 0
        self._drawn, self._prepared, self._workers = drawn, prepared, workers
        self._total: tuple[int, int] | None = None
        self.most: int | None = None
        self.parts = tuple(parts)
        self._sources = [part.source for part in parts]
        if len({(source.table is None, source.dtype) for source in self._sources}) > 1:
            self._sources = [source_of(part.cube, part.scaler, packed=False) for part in parts]
        plans = [
            plan_blocks(
                part.plan,
                edges=source.edges,
                pixel_bytes=source.channels * source.dtype.itemsize,
                memory=memory // len(parts),
            )
            for part, source in zip(parts, self._sources, strict=True)
        ]
        self.blocks = JoinedBlocks(plans, memory=memory)
        tables = [source.table for source in self._sources if source.table is not None]
        first = parts[0]
        prepare = Preparation(tables or None, context=first.plan.context, masked=first.masked, held=first.held)
        self.preparation = prepare.to(self.device)

    def set_epoch(self, epoch: int) -> None:
        """To be called before each epoch."""
        if epoch != self.epoch:
            self.epoch, self._given, self._first = epoch, 0, 0

    def state_dict(self) -> dict[str, int]:
        """Where the pass stands: the epoch, and the batches that were given."""
        return {"epoch": self.epoch, "batches": self._given}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Let the next pass go on from there."""
        self.epoch, self._given, self._first = state["epoch"], state["batches"], state["batches"]

    def order(self) -> EpochOrder:
        """Of this epoch, for this process."""
        drawn = None if self._drawn is None else self._drawn(self.epoch)
        return EpochOrder(
            self.blocks,
            seed=self.seed,
            epoch=self.epoch,
            shuffle=self.shuffle,
            rank=self.rank,
            world=self.world,
            batch=self.batch if self.blocks.held else None,
            drawn=drawn,
        )

    def edges(self, order: EpochOrder) -> np.ndarray:
        """Where batches begin in an epoch, and where the last one ends: as many of them for every rank."""
        return self._all_edges(order)[: None if self.most is None else self.most + 1]

    def _all_edges(self, order: EpochOrder) -> np.ndarray:
        if self.blocks.held:
            return self._shares(order.total).edges
        share, fewest = self.batch // self.world, order.total // self.world
        batches = -(-fewest // share)  # of the rank with a window less; another's last batch may have one more
        return np.append(np.arange(batches) * share, len(order))

    def share(self, batch: int) -> tuple[int, int]:
        """Of a batch of this epoch: the place of this process's first window in it, and windows of all processes."""
        if self._total is None or self._total[0] != self.epoch:
            self._total = self.epoch, self.order().total
        shares = self._shares(self._total[1])
        if self.blocks.held:
            return shares.bounds(batch)[0], shares.size(batch)
        batches = max(1, -(-(shares.total // self.world) // (self.batch // self.world)))
        size = self.batch if batch < batches - 1 else shares.total - batch * self.batch
        return size * self.rank // self.world, size

    def _shares(self, total: int) -> Shares:
        return Shares(total, self.batch, self.rank, self.world)

    def windows_of(self, batch: int) -> np.ndarray:
        """The windows of a batch of this epoch, in its order, numbered through all cubes."""
        order = self.order()
        first, last = self.edges(order)[batch : batch + 2].tolist()
        step, begun = order.step_at(first)
        found: list[int] = []
        while len(found) < last - first:
            found += order.step(step).windows[begun:].tolist()
            step, begun = step + 1, 0
        return np.array(found[: last - first], dtype=int)

    def __len__(self) -> int:
        """Batches of an epoch."""
        return len(self.edges(self.order())) - 1

    def __iter__(self) -> Iterator[Batch]:
        order = self.order()
        shares, last = self._shares(order.total), len(self.edges(order)) - 1
        for number, cut in enumerate(self.cut(), self._first if self._first < last else 0):
            given = cut.windows.to(self.device, non_blocking=True)
            batch: Batch = self.preparation(given, None if cut.cubes is None else cut.cubes.to(self.device))
            if self._prepared is not None:
                batch = self._prepared(batch, cut.numbers, self.epoch)
            if self.blocks.held and shares.is_spare(number):
                batch = batch._replace(weight=torch.zeros_like(batch.weight))
            yield batch

    def cut(self) -> Iterator[Cut]:
        """The batches as they were read, neither decoded nor scaled: `(b t c h w)`; each stands until the next is asked
        for.
        """
        order = self.order()
        edges = self.edges(order)
        first = self._first if self._first < len(edges) - 1 else 0
        self._given, self._first = first, 0
        if self._fetcher is None:
            self._fetcher = InProcesses(self._sources, self._workers) if self._workers else InThreads(self._sources)
        cutter = Cutter(
            order,
            self.blocks,
            self._fetcher,
            edges=edges,
            first=first,
            dtype=self._sources[0].dtype,
            channels=self._sources[0].channels,
            prefetch=self.prefetch,
            pinned=self.device.type == "cuda",
            kept=self._kept if self.blocks.held else None,
        )
        with cutter:
            for cut in cutter:
                self._given += 1
                yield cut
                if self.device.type == "cuda":
                    torch.cuda.current_stream(self.device).synchronize()  # before its memory is written to again

    def close(self) -> None:
        """End what reads ahead, and let go of blocks that are kept."""
        for fetched in self._kept.values():
            fetched.release()
        self._kept.clear()
        if self._fetcher is not None:
            self._fetcher.close()
            self._fetcher = None

    def __del__(self) -> None:
        self.close()
