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
    residual
        Whether the network's output is added to the newest observed frame, so that what it learns is the change.
    """

    def __init__(self, *, channels: int, masked: bool, patch: int, residual: bool) -> None:
        super().__init__(channels=channels, masked=masked)
        self.patch = patch
        self.residual = residual

    @abstractmethod
    def begin(self, frame: Tensor) -> State:
        """The state before the first frame; `frame` `(b c' h' w')` tells sizes, type and device."""

    @abstractmethod
    def absorb(self, frame: Tensor, state: State) -> State:
        """Take in one folded context frame `(b c' h' w')`."""

    @abstractmethod
    def emit(self, previous: Tensor, state: State) -> tuple[Tensor, State]:
        """Give out the next folded frame `(b channels*patch*patch h' w')`; `previous` is the one before it."""

    def forward(self, context: Tensor, horizon: int) -> Tensor:
        height, width = context.shape[-2:]
        newest = last_observed(context, self.channels)
        frames = self._fold(context)
        state = self.begin(frames[:, 0])
        for t in range(frames.shape[1]):
            state = self.absorb(frames[:, t], state)
        frame = self._fold(newest[:, None])[:, 0]
        answers = []
        for _ in range(horizon):
            frame, state = self.emit(frame, state)
            answers.append(frame)
        answer = F.pixel_shuffle(torch.stack(answers, dim=1), self.patch)[..., :height, :width]
        return answer + newest[:, None] if self.residual else answer

    def _fold(self, frames: Tensor) -> Tensor:
        down, right = (-frames.shape[-2] % self.patch, -frames.shape[-1] % self.patch)
        if down or right:
            frames = F.pad(frames, (0, right, 0, down))
        return F.pixel_unshuffle(frames, self.patch)
