"""How a training goes: everything but the forecaster, its loss, the windows and how long."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch

from nowcast.errors import InputError
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
        Epochs without a better validation loss after which training ends.
    clip
        The gradients' norm is cut to this.
    adversarial
        Weight of a discriminator's term beside the loss (see `Adversarial`); None: the loss alone.
    curriculum
        What a network that is fed its own frames is shown of the truth; None: nothing, in training as in a forecast.
    precision
        Of convolutions; weights, memory cells and losses are float32 with either.

    Raises
    ------
    InputError
        An optimiser that is not known, or a weight that is not above 0.
    """

    optimiser: str = "adamw"
    learning_rate: float = 1e-3
    patience: int = 15
    clip: float = 1.0
    adversarial: float | None = None
    curriculum: Curriculum | None = None
    precision: Precision = "float32"

    def __post_init__(self) -> None:
        if self.optimiser not in OPTIMISERS:
            raise InputError(f"optimiser {self.optimiser!r} is not known", needed="one of " + ", ".join(OPTIMISERS))
        if self.adversarial is not None and not 0 < self.adversarial < math.inf:
            raise InputError("the weight of a discriminator's term must be above 0", found=str(self.adversarial))


PLAIN = Recipe()
"""Where nothing else is asked."""
