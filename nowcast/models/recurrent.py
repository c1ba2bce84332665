"""The time loop, once: fold pixels into channels, take in the context, give out the horizon, unfold."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from nowcast.models.base import Forecaster, last_observed

__all__ = ["RecurrentForecaster"]

State = Any
"""Whatever a network carries from step to step: tensors in tuples and lists."""


class RecurrentForecaster(Forecaster):
    """A network that takes in one frame after the other and then gives out one frame after the other.

    Parameters
    ----------
    patch
        Side of the squares of pixels that are folded into channels before the first layer (and unfolded after the
        last), as in Shi et al. (arXiv:1506.04214, section 4.1). Fields of any size are padded to a multiple of it.
    blend
        Whether each frame given out is a blend of the newest observed one and of the network's own, in shares that the
        network sets pixel by pixel. It starts near persistence, and keeps at full resolution what folding blurs.
    """

    def __init__(self, *, channels: int, masked: bool, patch: int, blend: bool) -> None:
        super().__init__(channels=channels, masked=masked)
        self.patch = patch
        self.blend = blend

    @property
    def folded_channels(self) -> int:
        """Channels that `emit` gives: a folded frame's, and as many shares if blended."""
        return self.channels * self.patch**2 * (2 if self.blend else 1)

    @abstractmethod
    def begin(self, frame: Tensor) -> State:
        """The state before the first frame; `frame` `(b c' h' w')` tells sizes, type and device."""

    @abstractmethod
    def absorb(self, frame: Tensor, state: State) -> State:
        """Take in one folded context frame `(b c' h' w')`."""

    @abstractmethod
    def emit(self, previous: Tensor, state: State) -> tuple[Tensor, State]:
        """Give out the next folded frame `(b folded_channels h' w')`; `previous` is the frame before it, folded."""

    def forward(self, context: Tensor, horizon: int) -> Tensor:
        height, width = context.shape[-2:]
        newest = self._fold(last_observed(context, self.channels)[:, None])[:, 0]
        frames = self._fold(context)
        state = self.begin(frames[:, 0])
        for t in range(frames.shape[1]):
            state = self.absorb(frames[:, t], state)
        frame = newest
        answers = []
        for _ in range(horizon):
            frame, state = self.emit(frame, state)
            if self.blend:
                own, share = frame.chunk(2, dim=1)
                frame = torch.lerp(own, newest, torch.sigmoid(share))
            answers.append(frame)
        return F.pixel_shuffle(torch.stack(answers, dim=1), self.patch)[..., :height, :width]

    def _fold(self, frames: Tensor) -> Tensor:
        down, right = (-frames.shape[-2] % self.patch, -frames.shape[-1] % self.patch)
        if down or right:
            frames = F.pad(frames, (0, right, 0, down))
        return F.pixel_unshuffle(frames, self.patch)
