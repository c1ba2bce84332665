"""What every forecaster is."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

__all__ = ["Forecaster", "last_observed"]


class Forecaster(nn.Module, ABC):
    """Context frames in, the horizon's frames out.

    Parameters
    ----------
    channels
        Channels of the field, `c`.
    masked
        Whether the context carries, behind its `c` channels, `c` more that tell which pixels were observed (1) or
        missing (0); missing pixels of the field are 0 then.
    """

    multiple = 1
    """Side of the squares of pixels that the model takes together at its coarsest: pieces of a field that start at
    multiples of it are seen as the whole field is."""

    tile = 1024
    """Side in pixels of the largest piece of a field that it is asked for at once in a forecast."""

    low_memory = False
    """Whether each step of a network that goes step by step is worked out again on the way back, so that little of it
    need be remembered."""

    def __init__(self, *, channels: int = 1, masked: bool = False) -> None:
        super().__init__()
        self.channels = channels
        self.masked = masked

    @property
    def context_channels(self) -> int:
        """Channels of a context frame: the field's, and as many again if masked."""
        return self.channels * (2 if self.masked else 1)

    @abstractmethod
    def forward(self, context: Tensor, horizon: int) -> Tensor:
        """`(b t c h w)`, or `(b t 2c h w)` if masked, to `(b horizon c h w)`; scaled values, any `h` and `w`."""


def last_observed(context: Tensor, channels: int) -> Tensor:
    """The newest observed value of each pixel, 0 where none was; `(b t c|2c h w)` to `(b c h w)`."""
    if context.shape[2] == channels:
        return context[:, -1]
    value, observed = context[:, :, :channels], context[:, :, channels:]
    newest = value[:, 0]
    for t in range(1, context.shape[1]):
        newest = torch.where(observed[:, t] > 0, value[:, t], newest)
    return newest
