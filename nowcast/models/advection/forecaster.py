"""The baseline that moves things."""

from __future__ import annotations

import torch
from torch import Tensor

from nowcast.models.advection.motion import motion
from nowcast.models.advection.transport import completed, transport
from nowcast.models.base import Forecaster, last_observed

__all__ = ["Advection"]


class Advection(Forecaster):
    """What moved goes on moving as it did, and changes nothing else (Lagrangian persistence). Nothing is learnt.

    Motion is found by optical flow from the newest frames (`nowcast.models.advection.motion`) and what was seen is
    carried along with it (`transport`: Germann & Zawadzki 2002,
    doi:10.1175/1520-0493(2002)130<2859:SDOTPO>2.0.CO;2).

    Parameters
    ----------
    frames
        How many of the newest context frames tell the motion.
    smoothness
        Pixels within which motion is much the same.
    """

    def __init__(self, *, channels: int = 1, masked: bool = False, frames: int = 3, smoothness: float = 16.0) -> None:
        super().__init__(channels=channels, masked=masked)
        self.frames = frames
        self.smoothness = smoothness

    def forward(self, context: Tensor, horizon: int) -> Tensor:
        """As every forecaster; where nothing was brought, the newest value observed there, 0 if none was."""
        moved, known = self.transport(context, horizon)
        return torch.where(known > 0, moved, last_observed(context, self.channels)[:, None])

    def transport(self, context: Tensor, horizon: int) -> tuple[Tensor, Tensor]:
        """What the motion brings, `(b horizon c h w)`, 0 where it brings nothing; and 1 where it brings something.

        The latter is `(b horizon 1 h w)`, or `(b horizon c h w)` if masked, and 0 elsewhere.
        """
        value, observed = self._parts(context)
        moving = self.motion(context)
        return transport(*completed(value, observed, moving), moving, horizon)

    def motion(self, context: Tensor) -> Tensor:
        """Pixels in each step of time, x then y, in cells of 8 x 8 pixels: `(b 2 h/8 w/8)`. Has no gradient."""
        value, observed = self._parts(context)
        return motion(value, observed, smoothness=self.smoothness)

    def _parts(self, context: Tensor) -> tuple[Tensor, Tensor]:
        """The newest frames: their values, and where those were observed."""
        value, observed = self.parted(context[:, -self.frames :])
        return value, observed if self.masked else observed[:, :, :1]
