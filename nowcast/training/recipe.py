"""How a training goes: everything but the forecaster, its loss, the windows and how long."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch

from nowcast.errors import InputError
from nowcast.training.monitor import Monitor
from nowcast.training.schedule import SCHEDULES
from nowcast.training.teaching import Curriculum

__all__ = ["OPTIMISERS", "PLAIN", "Precision", "Recipe"]

OPTIMISERS = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW, "rmsprop": torch.optim.RMSprop}

Precision = Literal["float32", "bfloat16"]
"""Of convolutions: with bfloat16 torch's autocast is around each step, and weights, cells and losses stay float32."""


@dataclass(frozen=True)
class Recipe:
    """How to train.

    Attributes
    ----------
    learning_rate
        At its highest.
    patience
        Epochs without a better validation loss, or score, after which training ends.
    clip
        The gradients' norm is cut to this.
    schedule
        How the learning rate changes (see `nowcast.training.schedule`).
    weight_decay
        By which weights shrink, of the learning rate; None: the optimiser's own, 0.01 for adamw and 0 for others.
    accumulate
        Batches whose gradients make one step: the mean over all their observed pixels, as of one large batch.
    ema
        Decay of a moving average of the weights, which is judged and kept in their place; None: the newest are.
    nonfinite
        At a loss or gradients that are not finite: stop, or skip the step.
    most_skipped
        Steps that may be skipped.
    monitor
        The score by which weights are kept and training ends; None: the validation loss.
    adversarial
        Weight of a discriminator's term beside the loss (see `Adversarial`); None: the loss alone.
    curriculum
        What a network that is fed its own frames is shown of the truth; None: nothing, in training as in a forecast.
    precision
        Of convolutions; weights, memory cells and losses are float32 with either.
    compiled
        Whether a recurrent network is compiled (see `Compiled`): for GPUs.

    Raises
    ------
    InputError
        A name that is not known, a number out of its range, or steps of several batches against a discriminator.
    """

    optimiser: str = "adamw"
    learning_rate: float = 1e-3
    patience: int = 15
    clip: float = 1.0
    schedule: str = "cosine"
    weight_decay: float | None = None
    accumulate: int = 1
    ema: float | None = None
    nonfinite: Literal["stop", "skip"] = "stop"
    most_skipped: int = 10
    monitor: Monitor | None = None
    adversarial: float | None = None
    curriculum: Curriculum | None = None
    precision: Precision = "float32"
    compiled: bool = False

    def __post_init__(self) -> None:
        for what, name, names in (
            ("optimiser", self.optimiser, OPTIMISERS),
            ("schedule", self.schedule, SCHEDULES),
            ("nonfinite", self.nonfinite, ("stop", "skip")),
        ):
            if name not in names:
                raise InputError(f"{what} {name!r} is not known", needed="one of " + ", ".join(names))
        if self.adversarial is not None and not 0 < self.adversarial < math.inf:
            raise InputError("the weight of a discriminator's term must be above 0", found=str(self.adversarial))
        if self.ema is not None and not 0 < self.ema < 1:
            raise InputError("the decay of averaged weights must lie between 0 and 1", found=str(self.ema))
        if self.accumulate < 1:
            raise InputError("a step is of one batch at least", found=str(self.accumulate))
        if self.accumulate > 1 and self.adversarial is not None:
            raise InputError(
                "a training against a discriminator takes a step with each batch",
                found=f"accumulate {self.accumulate}",
                next_step="a larger --batch, or leave out --adversarial",
            )

    @property
    def judged_by(self) -> str:
        """The name of what tells which weights are best."""
        return "validation" if self.monitor is None else self.monitor.text

    @property
    def compared_with(self) -> str:
        """The name of the same of persistence."""
        return "persistence" if self.monitor is None else f"{self.monitor.text} of persistence"

    @property
    def higher(self) -> bool:
        """Whether more of it is better."""
        return self.monitor is not None and self.monitor.higher


PLAIN = Recipe()
"""Where nothing else is asked."""
