"""Encoder-forecaster over several scales (Shi et al. 2017, arXiv:1706.03458): down through strides, and up again."""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from nowcast.models.recurrent.convlstm import CellState, ConvLSTMCell
from nowcast.models.recurrent.loop import Kernels, RecurrentForecaster, start_near_persistence
from nowcast.models.recurrent.sequence_convolution import Field

__all__ = ["MultiscaleConvLSTM"]

LEAK = 0.2
"""Slope below zero of what stands between two scales, as published."""


class MultiscaleConvLSTM(RecurrentForecaster):
    """A ConvLSTM at each of several scales, each half as fine as the one before: what moves far in fine pixels moves
    little in coarse ones, so that large fields are followed with small kernels.

    Reading the context, frames go from the finest scale to the coarsest through convolutions of stride 2; giving out
    the horizon, from the coarsest, which is driven by its state alone, to the finest, through transposed ones (figure 1
    of the paper). Each scale's second cell is started from its first one's state. The paper has the same stack around
    TrajGRU and ConvGRU cells and strides of 5, 3 and 2; here cells are ConvLSTM's, and the first stride is the folding
    of `patch` pixels into channels, which loses nothing and, followed by a convolution, is a strided one.

    Parameters
    ----------
    hidden
        Channels of the cells at each scale, from the finest to the coarsest.
    kernel
        Odd side of the cells' convolutions.
    patch
        Pixels along each side that the finest scale folds; further scales fold 2, 4, … times as many.
    """

    def __init__(
        self,
        *,
        channels: int = 1,
        masked: bool = False,
        hidden: Sequence[int] = (32, 48, 64),
        kernel: int = 3,
        patch: int = 4,
        blend: bool = True,
    ) -> None:
        super().__init__(channels=channels, masked=masked, patch=patch, blend=blend)
        self.multiple = patch * 2 ** (len(hidden) - 1)
        finer, coarser = hidden[:-1], hidden[1:]
        pairs = list(zip(finer, coarser, strict=True))
        self.down = nn.ModuleList(nn.Conv2d(fine, coarse, 3, stride=2, padding=1) for fine, coarse in pairs)
        self.up = nn.ModuleList(nn.ConvTranspose2d(coarse, fine, 4, stride=2, padding=1) for fine, coarse in pairs)
        inputs = [self.context_channels * patch**2, *coarser]
        self.encoder = nn.ModuleList(
            ConvLSTMCell(below, own, kernel) for below, own in zip(inputs, hidden, strict=True)
        )
        inputs = [*finer, 0]
        self.forecaster = nn.ModuleList(
            ConvLSTMCell(above, own, kernel) for above, own in zip(inputs, hidden, strict=True)
        )
        self.output = nn.Conv2d(hidden[0], self.folded_channels, 1)
        if blend:
            start_near_persistence(self.output)

    def begin(self, frame: Tensor) -> list[CellState]:
        return [(None, None) for _ in self.encoder]

    def absorb(self, frame: Tensor, state: list[CellState], kernels: Kernels) -> list[CellState]:
        after: list[CellState] = []
        for scale, (cell, before) in enumerate(zip(self.encoder, state, strict=True)):
            if scale:
                frame = F.leaky_relu(self.down[scale - 1](frame), LEAK)
            hidden, remembered = cell(Field(frame), before, kernels[cell.gates])  # type: ignore[index]
            after.append((hidden, remembered))
            frame = hidden.values
        return after

    def emit(self, state: list[CellState], kernels: Kernels) -> tuple[Tensor, list[CellState]]:
        above: Field | None = None
        after: list[CellState] = []
        for scale, cell in reversed([*enumerate(self.forecaster)]):
            hidden, remembered = cell(above, state[scale], kernels[cell.gates])  # type: ignore[index]
            after.insert(0, (hidden, remembered))
            if scale:
                above = Field(F.leaky_relu(self.up[scale - 1](hidden.values), LEAK))
        return self.output(hidden.values), after
