"""Memory for what lives only within one operation, taken once for a sequence.

Asked for anew at every step, it would lie between what must be remembered, and its holes stay: twice the peak.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

__all__ = ["Scratch"]


class Scratch:
    """A piece of memory for each use by name, as large as was ever asked for; what it holds stands until it is asked
    for again.
    """

    def __init__(self) -> None:
        self._held: dict[str, Tensor] = {}

    def __call__(self, use: str, shape: Sequence[int], like: Tensor) -> Tensor:
        """Memory of that shape, with the type and device of `like`, and anything in it."""
        size = math.prod(shape)
        held = self._held.get(use)
        if held is None or held.numel() < size or (held.dtype, held.device) != (like.dtype, like.device):
            held = self._held[use] = torch.empty(size, dtype=like.dtype, device=like.device)
        return held[:size].view(*shape)
