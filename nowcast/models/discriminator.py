"""A discriminator of sequences: a spatial and a temporal branch, as in DGMR (Ravuri et al. 2021)."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from nowcast.errors import InputError

__all__ = ["SMALLEST", "Discriminator", "Logits"]

SMALLEST = 16
"""Side in pixels of the smallest field: one patch of the temporal branch."""

SPATIAL_FOLD, TEMPORAL_FOLD = 2, 4
"""Pixels folded into channels along each side, before the first layer: single frames are looked at more closely."""

SLOPE = 0.2
"""Of the leaky ReLU."""


class Logits(NamedTuple):
    """How true each patch looks, above 0 for true: `spatial (b n h/8 w/8)`, `temporal (b t/4 h/16 w/16)`."""

    spatial: Tensor
    temporal: Tensor


class Discriminator(nn.Module):
    """Tells true from forecast frames: the spatial branch by single ones, the temporal one by the whole sequence.

    The two branches of DGMR (Ravuri et al. 2021, doi:10.1038/s41586-021-03854-z), made small: a few plain
    convolutions each, judging overlapping patches (Isola et al. 2017, arXiv:1611.07004) of 40 and 80 pixels, so that
    any size of field and any number of frames will do. Every layer has spectral norm (Miyato et al. 2018,
    arXiv:1802.05957), and so autocast does not reach into it. Missing pixels are 0 in truth and forecast alike and tell
    nothing.

    Parameters
    ----------
    channels
        Channels of the field, `c`.
    masked
        Whether the context carries, behind its `c` channels, `c` more that tell what was observed. They are shown to
        both branches, and the weight beside the frames that follow.
    width
        Channels of the first layer; each of the next two has twice as many.
    frames
        Frames of those that follow that the spatial branch looks at, at most; others at each step.
    """

    def __init__(self, *, channels: int = 1, masked: bool = False, width: int = 16, frames: int = 4) -> None:
        super().__init__()
        self.channels = channels
        self.masked = masked
        self.frames = frames
        shown = channels * (2 if masked else 1)
        self.spatial = nn.Sequential(
            spectral_norm(nn.Conv2d(shown * SPATIAL_FOLD**2, width, 3, padding=1)),
            nn.LeakyReLU(SLOPE),
            spectral_norm(nn.Conv2d(width, 2 * width, 4, stride=2, padding=1)),
            nn.LeakyReLU(SLOPE),
            spectral_norm(nn.Conv2d(2 * width, 4 * width, 4, stride=2, padding=1)),
            nn.LeakyReLU(SLOPE),
            spectral_norm(nn.Conv2d(4 * width, 1, 3, padding=1)),
        )
        self.temporal = nn.Sequential(
            spectral_norm(nn.Conv3d(shown * TEMPORAL_FOLD**2, width, 3, padding=1)),
            nn.LeakyReLU(SLOPE),
            spectral_norm(nn.Conv3d(width, 2 * width, (3, 4, 4), stride=2, padding=1)),
            nn.LeakyReLU(SLOPE),
            spectral_norm(nn.Conv3d(2 * width, 4 * width, (3, 4, 4), stride=2, padding=1)),
            nn.LeakyReLU(SLOPE),
            spectral_norm(nn.Conv3d(4 * width, 1, 3, padding=1)),
        )

    def forward(self, context: Tensor, following: Tensor, weight: Tensor, *, step: int = 0) -> Logits:
        """Judge the frames after a context.

        Parameters
        ----------
        context
            `(b t c h w)`, or `(b t 2c h w)` if masked; scaled values.
        following
            The true or the forecast frames after it, `(b t c h w)`.
        weight
            As `following`: 1 where the truth was observed, 0 where it is missing.
        step
            Settles which frames the spatial branch looks at.

        Raises
        ------
        InputError
            Fields of fewer than 16 pixels along a side.
        """
        height, width = following.shape[-2:]
        if min(height, width) < SMALLEST:
            raise InputError(
                f"adversarial training needs frames of {SMALLEST} x {SMALLEST} pixels",
                found=f"{height} x {width}",
                next_step="leave out --adversarial, or give larger frames",
            )
        observed = weight.expand_as(following) > 0
        following = torch.where(observed, following, 0)
        if self.masked:
            following = torch.cat((following, observed.to(following)), dim=2)
        looked_at = following[:, self._drawn(following.shape[1], step)]
        sequence = _folded(torch.cat((context, following), dim=1), TEMPORAL_FOLD)
        with torch.autocast(following.device.type, enabled=False):
            judged = self.spatial(_folded(looked_at.flatten(0, 1), SPATIAL_FOLD))
            return Logits(
                spatial=judged.unflatten(0, looked_at.shape[:2])[:, :, 0],
                temporal=self.temporal(sequence.transpose(1, 2))[:, 0],
            )

    def _drawn(self, horizon: int, step: int) -> Tensor:
        """By the step alone: a training taken up again draws as one in a single piece."""
        order = torch.randperm(horizon, generator=torch.Generator().manual_seed(step))
        return order[: self.frames].sort().values


def _folded(frames: Tensor, side: int) -> Tensor:
    down, right = (-frames.shape[-2] % side, -frames.shape[-1] % side)
    if down or right:
        frames = F.pad(frames, (0, right, 0, down))
    return F.pixel_unshuffle(frames, side)
