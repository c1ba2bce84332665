"""Smooth echoes whose place is known at any time, between pixels too."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

Flow = Callable[[Tensor, float], Tensor]


def along(x: float, y: float) -> Flow:
    """Everything moves by the same pixels in each step."""
    return lambda centres, time: centres + time * torch.tensor([x, y], dtype=centres.dtype)


def around(place: tuple[float, float], turn: float) -> Flow:
    """Everything turns about a place (x, y) by that many radians in each step."""

    def turned(centres: Tensor, time: float) -> Tensor:
        sine, cosine = math.sin(turn * time), math.cos(turn * time)
        about = torch.tensor(place, dtype=centres.dtype)
        return about + (centres - about) @ torch.tensor([[cosine, sine], [-sine, cosine]], dtype=centres.dtype)

    return turned


def echoes(size: tuple[int, int], flow: Flow, times: list[int], *, seed: int = 0, width: float = 5.0) -> Tensor:
    """Round echoes of many strengths, far beyond the field too: `(1 t 1 h w)`, float64."""
    h, w = size
    drawn = torch.Generator().manual_seed(seed)
    count = 60 + round(3 * (h + 200) * (w + 200) / (20 * width * width))
    at = torch.rand(count, 2, generator=drawn, dtype=torch.float64)
    centres = at * torch.tensor([w + 200, h + 200]) - 100
    strength = torch.rand(count, generator=drawn, dtype=torch.float64)
    y, x = (torch.arange(n, dtype=torch.float64) for n in size)
    frames = []
    for time in times:
        moved = flow(centres, time)
        down = torch.exp(-0.5 * ((y - moved[:, 1:]) / width) ** 2)
        across = torch.exp(-0.5 * ((x - moved[:, :1]) / width) ** 2)
        frames.append(torch.einsum("n,nh,nw->hw", strength, down, across))
    return torch.stack(frames)[None, :, None]
