"""From numbers as they were read to what a model learns from: scaled, cut in two, told what is missing."""

from __future__ import annotations

import math
import weakref
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

__all__ = ["Batch", "Preparation", "to_context"]


class Batch(NamedTuple):
    """`context (b t c h w)`, `2c` channels if masked; `target (b t c h w)`; `weight`, 1 where target is observed."""

    context: Tensor
    target: Tensor
    weight: Tensor


class Preparation(nn.Module):
    """Windows as they were read to a `Batch`, on whatever device the numbers are.

    Stored integers of 8 or 16 bits are decoded and scaled by looking them up: each table holds what the scaler makes of
    each code, to the bit, so that no logarithm is taken of a pixel, and bytes stay few until here.

    Parameters
    ----------
    tables
        For each cube that windows come from: scaled value of each code, by its bits as an unsigned integer, NaN where
        it stands for missing; dims `(codes,)`, float32. None: windows are scaled values already.
    context
        Frames of a window that are given; the rest is asked for.
    masked
        Whether contexts tell which pixels were observed (see `nowcast.models.base.Forecaster`).
    held
        As `to_context`.
    """

    tables: Tensor | None

    def __init__(self, tables: Sequence[np.ndarray] | None, *, context: int, masked: bool, held: bool = False) -> None:
        super().__init__()
        self.context = context
        self.masked, self.held = masked, held
        self._pool, self._codes, self._values = _Pool(), torch.empty(0), torch.empty(0)
        self.codes = 0 if tables is None else len(tables[0])
        stacked = None if tables is None else torch.from_numpy(np.concatenate(tables))
        self.whole = stacked is not None and bool(torch.isfinite(stacked).all())
        self.register_buffer("tables", stacked, persistent=False)

    def forward(self, windows: Tensor, cubes: Tensor | None = None) -> Batch:
        """`(b t c h w)` and, of several cubes, the number of the one that each window is from, `(b,)`, to a batch."""
        b, t, c, h, w = windows.shape
        context = self._memory(windows, (b, self.context, 2 * c if self.masked else c, h, w))
        target = self._memory(windows, (b, t - self.context, c, h, w))
        weight = target.new_ones(()).expand_as(target) if self.whole else self._memory(windows, target.shape)
        # On a CPU sample by sample: what is made in between stays in the cache.
        pieces = [slice(i, i + 1) for i in range(b)] if windows.device.type == "cpu" else [slice(None)]
        for piece in pieces:
            values = self._scaled(windows[piece], None if cubes is None else cubes[piece])
            given, asked = values[:, : self.context], values[:, self.context :]
            context[piece] = to_context(given, masked=self.masked, held=self.held)
            if self.whole or _is_whole(asked):
                target[piece] = asked
                if not self.whole:
                    weight[piece] = 1.0
            else:
                target[piece] = _filled(asked)
                weight[piece] = _observed(asked)
        return Batch(context, target, weight)

    def _scaled(self, windows: Tensor, cubes: Tensor | None) -> Tensor:
        """The scaled values, float32, NaN where missing; they stand until the next call."""
        if self.tables is None:
            return windows
        if self._codes.shape != windows.shape or self._codes.device != windows.device:
            self._codes = torch.empty(windows.shape, dtype=torch.int32, device=windows.device)
            self._values = torch.empty(windows.shape, device=windows.device)
        self._codes.copy_(windows)
        if windows.dtype != torch.uint8:
            self._codes.bitwise_and_(self.codes - 1)
        if cubes is not None and len(self.tables) > self.codes:
            self._codes += (cubes.to(self._codes) * self.codes).view(-1, 1, 1, 1, 1)
        torch.index_select(self.tables, 0, self._codes.view(-1), out=self._values.view(-1))
        return self._values

    def _memory(self, beside: Tensor, shape: Sequence[int]) -> Tensor:
        if beside.device.type != "cpu":
            return torch.empty(shape, device=beside.device)
        return self._pool.tensor(tuple(shape))


class _Pool:
    """Memory that comes back when the last tensor in it is gone: fresh pages cost more than the numbers in them."""

    MOST = 8

    def __init__(self) -> None:
        self._free: dict[tuple[int, ...], list[np.ndarray]] = {}

    def tensor(self, shape: tuple[int, ...]) -> Tensor:
        free = self._free.setdefault(shape, [])
        memory = free.pop() if free else np.empty(shape, "float32")
        lent = memory.view()  # the tensor's storage refers to it, and so does every tensor that shares the storage
        weakref.finalize(lent, _take_back, free, memory, self.MOST).atexit = False
        return torch.from_numpy(lent)


def _take_back(free: list[np.ndarray], memory: np.ndarray, most: int) -> None:
    if len(free) < most:
        free.append(memory)


def to_context(values: Tensor | np.ndarray, *, masked: bool, held: bool = False) -> Tensor:
    """Scaled frames `(... t c h w)`, NaN where missing, to a context: `(... t 2c h w)` if masked, else `(... t c h w)`.

    A model that is not told what is missing is shown the pixel's value from the frame before; one that is told is shown
    0, or, if `held`, that value too.
    """
    values = torch.as_tensor(values, dtype=torch.float32)
    if _is_whole(values):
        return torch.cat((values, torch.ones_like(values)), dim=-3) if masked else values
    filled, observed = _filled(values), _observed(values)
    if held or not masked:
        filled = _carried_on(filled, observed)
    return torch.cat((filled, observed.to(torch.float32)), dim=-3) if masked else filled


def _carried_on(filled: Tensor, observed: Tensor) -> Tensor:
    """What is missing shows the frame before."""
    frames, seen = filled.unbind(-4), observed.unbind(-4)
    shown = [frames[0]]
    for frame, there in zip(frames[1:], seen[1:], strict=True):
        shown.append(torch.where(there, frame, shown[-1]))
    return torch.stack(shown, dim=-4)


def _is_whole(values: Tensor) -> bool:
    """Whether nothing is missing, where that is cheaply known; a GPU is not made to wait for the answer."""
    return values.device.type == "cpu" and math.isfinite(values.sum().item())


def _observed(values: Tensor) -> Tensor:
    return values.abs() < math.inf  # as torch.isfinite, at a third of its time


def _filled(values: Tensor) -> Tensor:
    return torch.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
