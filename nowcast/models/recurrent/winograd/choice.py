"""Where the transform's domain is quicker than the direct convolution."""

from __future__ import annotations

import torch
from torch import Tensor

from nowcast.models.recurrent.winograd.tiles import count
from nowcast.models.recurrent.winograd.transforms import POINTS

__all__ = ["TAPS", "TILE", "pays"]

TAPS = tuple(POINTS)
"""Sides of kernels that have a transform."""

TILE = 4
"""Pixels that a tile gives along a side."""


def pays(inputs: int, outputs: int, taps: int, shape: tuple[int, int, int], like: Tensor) -> bool:
    """Whether a convolution of `inputs` to `outputs` channels, of fields `(b, h, w)`, is quicker so."""
    if like.device.type != "cpu" or like.dtype != torch.float32 or taps not in TAPS:
        return False
    b, height, width = shape
    down, right = count(height, width, TILE)
    side = TILE + taps - 1
    tiles = b * down * right
    direct = taps**2 * inputs * outputs * b * height * width
    products = side**2 * tiles * inputs * outputs
    around = side**4 * tiles * inputs + TILE**2 * side**2 * tiles * outputs
    return direct > 1.5 * products + around
