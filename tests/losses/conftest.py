"""What tests of losses share."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor


def make_pair(shape: tuple[int, ...] = (2, 3, 1, 26, 24), seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """A forecast, a target in [0, 1] and weights of 1; large enough for two scales of MS-SSIM."""
    random = torch.Generator().manual_seed(seed)
    target = torch.rand(shape, generator=random)
    prediction = (target + 0.2 * torch.randn(shape, generator=random)).clamp(0, 1)
    return prediction, target, torch.ones(shape)


@pytest.fixture(scope="session")
def pair() -> Callable[..., tuple[Tensor, Tensor, Tensor]]:
    return make_pair
