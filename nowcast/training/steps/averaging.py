"""A moving average of the weights, which is judged and kept in place of the newest ones."""

from __future__ import annotations

import copy

import torch
from torch import nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from nowcast.models import Forecaster

__all__ = ["Averaged"]


class Averaged(nn.Module):
    """A forecaster whose weights follow another's: Polyak and Juditsky 1992, doi:10.1137/0330046.

    Its state is a part of the task's, and so of every checkpoint. Not torch's own `AveragedModel`, only its formula:
    that one asks at every step whether it is the first, and a GPU waits for the answer.

    Parameters
    ----------
    decay
        Share of the average that a step leaves. Early on it is less, `(1 + step) / (10 + step)`, so that the weights
        that a training begins with are forgotten.
    """

    def __init__(self, forecaster: Forecaster, *, decay: float) -> None:
        super().__init__()
        self.forecaster = copy.deepcopy(forecaster).requires_grad_(False)
        self.decay = decay

    @torch.no_grad()
    def follow(self, newest: Forecaster, *, step: int) -> None:
        """Take in the weights after a step, counted from 0; what is no weight is taken as it is."""
        decay = min(self.decay, (1 + step) / (10 + step))
        average = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]
        average(list(self.forecaster.parameters()), list(newest.parameters()), step)
        for mine, theirs in zip(self.forecaster.buffers(), newest.buffers(), strict=True):
            mine.copy_(theirs)
