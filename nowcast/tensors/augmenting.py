"""Windows turned and mirrored for training, each in a way that its number, the epoch and the seed tell."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from nowcast.tensors.batches import Batch

__all__ = ["Augmentation"]


class Augmentation:
    """Applied by a `Loader` (`prepared=`): one symmetry for context, target and weight of a window.

    Parameters
    ----------
    symmetries
        `(mirrored, turns)` of each: mirrored left to right, then turned by right angles.
    """

    def __init__(self, symmetries: Sequence[tuple[bool, int]], *, seed: int) -> None:
        self.symmetries = tuple(symmetries)
        self.seed = seed

    def __call__(self, batch: Batch, windows: np.ndarray, epoch: int) -> Batch:
        """A new batch; `windows (b,)` are the numbers of its windows."""
        chosen = self.chosen(windows, epoch)
        made = Batch(*(torch.empty(part.shape, dtype=part.dtype, device=part.device) for part in batch))
        for number in np.unique(chosen).tolist():
            which = torch.from_numpy(np.flatnonzero(chosen == number)).to(batch.context.device)
            for part, out in zip(batch, made, strict=True):
                out[which] = _turned(part[which], *self.symmetries[number])
        return made

    def chosen(self, windows: np.ndarray, epoch: int) -> np.ndarray:
        """Which symmetry each window is shown in, `(b,)`."""
        key = np.array(windows, dtype="uint64")
        with np.errstate(over="ignore"):
            for part in (self.seed, epoch):
                key = _mixed(key ^ _mixed(np.full(1, part + 1, dtype="uint64")))
        return (key % np.uint64(len(self.symmetries))).astype(int)


def _turned(part: Tensor, mirrored: bool, turns: int) -> Tensor:
    if mirrored:
        part = part.flip(-1)
    return torch.rot90(part, turns, (-2, -1))


def _mixed(key: np.ndarray) -> np.ndarray:
    """The finaliser of SplitMix64 (doi:10.1145/2714064.2660195): neighbouring numbers become unlike."""
    key = key + np.uint64(0x9E3779B97F4A7C15)
    key = (key ^ (key >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    key = (key ^ (key >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: np.ndarray = key ^ (key >> np.uint64(31))
    return mixed
