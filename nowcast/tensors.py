"""The frontier between labelled cubes and tensors: windows become batches, frames become contexts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
import xarray as xr
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from nowcast.cube import iso, label
from nowcast.readers import reading
from nowcast.scaling import Scaler
from nowcast.windows import WindowPlan

__all__ = ["Batch", "ShuffledByEpoch", "Windows", "load", "loader", "to_context"]


class Batch(NamedTuple):
    """`context (b t c h w)`, `2c` channels if masked; `target (b t c h w)`; `weight`, 1 where target is observed."""

    context: Tensor
    target: Tensor
    weight: Tensor


BLOCK = 32
"""Frames that are read and scaled at a time."""


class Windows(Dataset[Batch]):
    """The windows of a plan as tensors of scaled values.

    Parameters
    ----------
    cube
        Dims `(time, channel, y, x)`, in physical units.
    masked
        Whether contexts tell which pixels were observed (see `nowcast.models.base.Forecaster`).
    held
        As `to_context`.
    memory
        Bytes that may be held: the frames of the plan are kept in memory if they fit, and read window by window
        otherwise.
    """

    def __init__(
        self,
        cube: xr.DataArray,
        plan: WindowPlan,
        scaler: Scaler,
        *,
        masked: bool,
        held: bool = False,
        memory: int = 2_000_000_000,
    ) -> None:
        self.cube = cube
        self.plan = plan
        self.scaler = scaler
        self.masked = masked
        self.held = held
        self._frames: np.ndarray | None = None
        self._first = plan.starts[0]
        last = plan.starts[-1] + plan.context + plan.horizon
        if (last - self._first) * cube[0].size * 4 <= memory:
            self._frames = np.empty((last - self._first, *cube.shape[1:]), dtype="float32")
            for start in range(self._first, last, BLOCK):
                block = slice(start, min(start + BLOCK, last))
                self._frames[start - self._first : block.stop - self._first] = scaler.apply(load(cube.isel(time=block)))

    def __len__(self) -> int:
        return len(self.plan)

    def __getitem__(self, index: int) -> Batch:
        time, y, x = self.plan[index]
        if self._frames is None:
            values = self.scaler.apply(load(self.cube.isel(time=time, y=y, x=x)))
        else:
            values = self._frames[time.start - self._first : time.stop - self._first, :, y, x]
        context, target = values[: self.plan.context], values[self.plan.context :]
        observed = np.isfinite(target)
        return Batch(
            to_context(context, masked=self.masked, held=self.held),
            torch.from_numpy(np.where(observed, target, 0).astype("float32")),
            torch.from_numpy(observed.astype("float32")),
        )


def load(cube: xr.DataArray) -> np.ndarray:
    """The values of a cube, dims as they are.

    Raises
    ------
    InputError
        A file that cannot be read, named with its times.
    """
    times = cube["time"].values
    span = f"{label(cube)}, {iso(times[0])} to {iso(times[-1])}"
    with reading(span):
        values: np.ndarray = np.asarray(cube.data)
    return values


def to_context(values: np.ndarray, *, masked: bool, held: bool = False) -> Tensor:
    """Scaled frames `(t c h w)` with NaN where missing, to a context of `(t c h w)`, or `(t 2c h w)` if masked.

    A model that is not told what is missing is shown the pixel's value from the frame before; one that is told is shown
    0, or, if `held`, that value too.
    """
    observed = np.isfinite(values)
    filled = np.where(observed, values, 0).astype("float32")
    if held or not masked:
        for t in range(1, len(filled)):
            filled[t] = np.where(observed[t], filled[t], filled[t - 1])
    if masked:
        return torch.from_numpy(np.concatenate((filled, observed.astype("float32")), axis=1))
    return torch.from_numpy(filled)


class ShuffledByEpoch(Sampler[int]):
    """An order that depends on (seed, epoch) alone, so that a run taken up again sees what it would have seen."""

    def __init__(self, size: int, *, seed: int, shuffle: bool = True) -> None:
        self.size = size
        self.seed = seed
        self.shuffle = shuffle
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Called by the Trainer before each epoch."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.size

    def __iter__(self) -> Iterator[int]:
        if self.shuffle:
            return iter(np.random.default_rng((self.seed, self.epoch)).permutation(self.size).tolist())
        return iter(range(self.size))


def loader(windows: Windows, *, batch: int, shuffle: bool, seed: int = 0) -> DataLoader[Batch]:
    """Batches of windows: shuffled anew each epoch for training, in order otherwise."""
    sampler = ShuffledByEpoch(len(windows), seed=seed, shuffle=shuffle)
    return DataLoader(windows, batch_size=batch, sampler=sampler)
