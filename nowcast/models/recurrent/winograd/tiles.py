"""Fields to overlapping tiles in the transform's domain and back. Channels stand last: each copy moves whole runs.

A transformed field has dims `(side**2, tiles, channels)`; `tiles` runs over batch, rows and columns of tiles.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from nowcast.models.recurrent.winograd.scratch import Scratch
from nowcast.models.recurrent.winograd.transforms import Matrices, along_both

__all__ = ["count", "from_tiles", "to_products", "to_tiles"]


def count(height: int, width: int, outputs: int) -> tuple[int, int]:
    """Tiles along y and x that cover a field."""
    return -(-height // outputs), -(-width // outputs)


def to_tiles(field: Tensor, by: Matrices, scratch: Scratch) -> Tensor:
    """A field `(b c h w)`, zero outside, to its transformed tiles `(side**2, b * tiles, c)`; differentiable."""
    tiles: Tensor = _ToTiles.apply(field, by, scratch)  # type: ignore[no-untyped-call]
    return tiles


class _ToTiles(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, field: Tensor, by: Matrices, scratch: Scratch) -> Tensor:
        ctx.by, ctx.scratch, ctx.shape = by, scratch, field.shape
        b, c, height, width = field.shape
        down, right = count(height, width, by.outputs)
        edge, side, step = by.taps // 2, by.side, by.outputs
        tall, wide = (down - 1) * step + side, (right - 1) * step + side
        around = (0, 0, edge, wide - width - edge, edge, tall - height - edge)
        padded = F.pad(field.permute(0, 2, 3, 1), around).contiguous()
        over = padded.as_strided(
            (side, side, b, down, right, c),
            (wide * c, c, tall * wide * c, step * wide * c, step * c, 1),
        )
        apart = scratch("apart", over.shape, field).copy_(over)
        return along_both(by.b, apart, scratch).view(side**2, b * down * right, c)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        by, (b, c, height, width) = ctx.by, ctx.shape
        down, right = count(height, width, by.outputs)
        edge, side, step = by.taps // 2, by.side, by.outputs
        tiles = along_both(by.b.t(), gradient.view(side, side, b, down, right, c), ctx.scratch, use="apart")
        # Tiles overlap: their parts, each as wide as the step between tiles, are added where they lie.
        parts = -(-side // step)
        whole = gradient.new_zeros(b, down + parts - 1, step, right + parts - 1, step, c)
        for i in range(parts):
            for j in range(parts):
                piece = tiles[i * step : (i + 1) * step, j * step : (j + 1) * step].permute(2, 3, 0, 4, 1, 5)
                whole[:, i : i + down, : piece.shape[2], j : j + right, : piece.shape[4]] += piece
        field = whole.view(b, (down + parts - 1) * step, (right + parts - 1) * step, c)
        return field[:, edge : edge + height, edge : edge + width].permute(0, 3, 1, 2), None, None


def from_tiles(products: Tensor, by: Matrices, shape: tuple[int, int, int], scratch: Scratch) -> Tensor:
    """Products `(side**2, b * tiles, c)` to the convolved field `(b c h w)`, channels last; `shape` is `(b, h, w)`."""
    b, height, width = shape
    down, right = count(height, width, by.outputs)
    step, c = by.outputs, products.shape[-1]
    tiles = along_both(by.a, products.view(by.side, by.side, b, down, right, c), scratch, use="apart")
    field = tiles.new_empty(b, down, step, right, step, c).copy_(tiles.permute(2, 3, 0, 4, 1, 5))
    field = field.view(b, down * step, right * step, c)
    return field[:, :height, :width].permute(0, 3, 1, 2)


def to_products(field: Tensor, by: Matrices, scratch: Scratch) -> Tensor:
    """The adjoint of `from_tiles`: a gradient `(b c h w)` to that of the products, which lies in the scratch."""
    b, c, height, width = field.shape
    down, right = count(height, width, by.outputs)
    step = by.outputs
    field = field.permute(0, 2, 3, 1)
    if (down * step, right * step) != (height, width):
        field = F.pad(field, (0, 0, 0, right * step - width, 0, down * step - height))
    tiles = field.reshape(b, down, step, right, step, c).permute(2, 4, 0, 1, 3, 5)
    apart = scratch("apart", tiles.shape, field).copy_(tiles)
    return along_both(by.a.t(), apart, scratch, use="products").view(by.side**2, b * down * right, c)
