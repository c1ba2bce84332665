"""One kernel, used at every step of a sequence: transformed once, its gradient gathered over time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from nowcast.models.winograd.tiles import from_tiles, to_products
from nowcast.models.winograd.transforms import Matrices, along_both

__all__ = ["Kernel"]


class Kernel:
    """A kernel `(out, in, taps, taps)` in the transform's domain, for as long as one sequence is computed.

    The gradient of the weight is the sum of what each step gives. It is gathered in the transform's domain, in one
    place, and brought back once: autograd would take it back, and add it up, step by step. What tells autograd when all
    steps have given theirs is `token`: a scalar that every convolution depends on, and that depends on the weight.
    """

    def __init__(self, weight: Tensor, inputs: Sequence[int], by: Matrices) -> None:
        self.inputs = tuple(inputs)
        self.by = by
        self.gathered: Tensor | None = None
        self.transformed = _transformed(weight.detach(), by)
        self.token = _Gathering.apply(weight, self)

    def __call__(self, tiles: Sequence[Tensor | None], shape: tuple[int, int, int]) -> Tensor:
        """The convolution of fields side by side, given as their transformed tiles; one that is None is zero.

        `shape` is `(b, h, w)`; gives `(b out h w)`.
        """
        convolved: Tensor = _Convolving.apply(self, shape, self.token, *tiles)
        return convolved

    def gather(self, tiles: Sequence[Tensor | None], products: Tensor) -> None:
        """Add what one step gives to the gradient of the weight: the products of its tiles and of `products`."""
        whole = all(tile is not None for tile in tiles)
        if self.gathered is None:
            self.gathered = torch.zeros_like(self.transformed)
        if whole:  # one product of all, put together anew, is quicker than one for each field
            torch.baddbmm(self.gathered, _together(tiles).mT, products, out=self.gathered)
            return
        for tile, place in zip(tiles, self.parts(self.gathered), strict=True):
            if tile is not None:
                torch.baddbmm(place, tile.mT, products, out=place)

    def parts(self, of: Tensor) -> tuple[Tensor, ...]:
        """`(side**2, in, out)` by the fields that the inputs are of."""
        return of.split(self.inputs, dim=1)


def _together(tiles: Sequence[Tensor | None]) -> Tensor:
    there = [tile for tile in tiles if tile is not None]
    return there[0] if len(there) == 1 else torch.cat(there, dim=-1)


def _transformed(weight: Tensor, by: Matrices) -> Tensor:
    """`(out, in, taps, taps)` to `(side**2, in, out)`."""
    out, into = weight.shape[:2]
    return along_both(by.g, weight.permute(2, 3, 1, 0)).view(by.side**2, into, out)


class _Gathering(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, weight: Tensor, kernel: Kernel) -> Tensor:  # type: ignore[override]
        ctx.kernel, ctx.shape = kernel, weight.shape
        return weight.new_zeros(())

    @staticmethod
    @once_differentiable  # type: ignore[untyped-decorator]
    def backward(ctx: Any, _: Tensor) -> tuple[Tensor | None, None]:  # type: ignore[override]
        kernel, (out, into, _, _) = ctx.kernel, ctx.shape
        side = kernel.by.side
        gathered, kernel.gathered = kernel.gathered, None
        if gathered is None:
            return None, None
        weight = along_both(kernel.by.g.t(), gathered.view(side, side, into, out))
        return weight.permute(3, 2, 0, 1).contiguous(), None


class _Convolving(torch.autograd.Function):
    @staticmethod
    def forward(  # type: ignore[override]
        ctx: Any, kernel: Kernel, shape: tuple[int, int, int], token: Tensor, *tiles: Tensor | None
    ) -> Tensor:
        ctx.kernel = kernel
        ctx.save_for_backward(*tiles)
        weight = kernel.transformed
        if any(tile is None for tile in tiles):
            pieces = zip(kernel.parts(weight), tiles, strict=True)
            weight = torch.cat([piece for piece, tile in pieces if tile is not None], dim=1)
        return from_tiles(torch.bmm(_together(tiles), weight), kernel.by, shape)

    @staticmethod
    @once_differentiable  # type: ignore[untyped-decorator]
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        kernel, tiles = ctx.kernel, ctx.saved_tensors
        products = to_products(gradient, kernel.by)
        if ctx.needs_input_grad[2]:
            kernel.gather(tiles, products)
        parts = zip(kernel.parts(kernel.transformed), ctx.needs_input_grad[3:], strict=True)
        answers = [torch.bmm(products, part.mT) if needed else None for part, needed in parts]
        return None, None, gradient.new_zeros(()), *answers
