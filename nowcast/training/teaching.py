"""How much of the truth a network that is fed its own frames is shown while it learns, by how far its training is."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from nowcast.losses import Loss
from nowcast.models.recurrent import Teaching
from nowcast.tensors import Batch

__all__ = ["FREE", "HALF", "SLOWNESS", "Curriculum"]

FREE = 0.4
"""Of all steps: from here on it is fed its own frames in the horizon, and the truth in the context, as in a forecast.

As published: 50,000 steps (predrnn-pytorch, OpenSTL), in OpenSTL's training on Moving MNIST of 200 epochs of 625 steps.
"""

HALF = 0.2
"""Of all steps: up to here the reverse way draws truth and own frames alike. 25,000 of those 125,000."""

SLOWNESS = 0.04
"""Of all steps: how slowly the context's chance then approaches 1. 5,000 of those 125,000."""


@dataclass(frozen=True)
class Curriculum:
    """What is shown at which step, and the loss of what a network makes of the context before it sees it.

    Attributes
    ----------
    method
        `"scheduled"` (Bengio et al. 2015, arXiv:1506.03099): in the horizon the truth is fed with a chance that falls
        evenly from 1 to 0. `"reverse"` (PredRNN-V2, arXiv:2103.09504, section 3.5): a half of the time at first, and
        then less and less; and in the context a half of the time at first, and then more and more.
    loss
        Between what the network made of the context's frames, from the second on, and these frames.
    seed
        With the number of a step it settles what is drawn there: a training that is taken up again draws the same.
    """

    method: Literal["scheduled", "reverse"]
    loss: Loss
    seed: int = 0

    def chances(self, done: float) -> tuple[float, float]:
        """That the truth is fed in the horizon, and in the context, after that share of all steps."""
        if self.method == "scheduled":
            return max(0.0, 1 - done / FREE), 1.0
        if done >= FREE:
            return 0.0, 1.0
        if done < HALF:
            return 0.5, 0.5
        return 0.5 * (FREE - done) / (FREE - HALF), 1 - 0.5 * math.exp((HALF - done) / SLOWNESS)

    def teaching(self, batch: Batch, *, step: int, steps: int, share: tuple[int, int] | None = None) -> Teaching:
        """What a step, counted from 0, is taught; `share` is as in `nowcast.training.steps.task.Task.answer`."""
        scheduled, reverse = self.chances(step / max(1, steps))
        drawn = int(np.random.SeedSequence([self.seed, step]).generate_state(1)[0])
        generator = torch.Generator().manual_seed(drawn)
        return Teaching(batch.target, batch.weight, scheduled, reverse, generator, share)

    def with_context(self, pixels: Tensor, seen: Tensor, batch: Batch) -> Tensor:
        """The loss over context and horizon, each frame counting alike, as published.

        Parameters
        ----------
        pixels
            The loss over the horizon.
        seen
            `(b t-1 c h w)`, what the network made of the context's frames, from the second on.
        """
        channels = seen.shape[2]
        truth, observed = batch.context[:, 1:, :channels], batch.context[:, 1:, channels:]
        weight = observed if observed.shape[2] else torch.ones_like(truth)
        frames, horizon = seen.shape[1], batch.target.shape[1]
        return (frames * self.loss(seen, truth, weight) + horizon * pixels) / (frames + horizon)
