"""One kernel, used at every step of a sequence: transformed once, its gradient gathered over time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from nowcast.models.recurrent.winograd.scratch import Scratch
from nowcast.models.recurrent.winograd.tiles import from_tiles, to_products, to_tiles
from nowcast.models.recurrent.winograd.transforms import Matrices, along_both

__all__ = ["Kernel"]


class Kernel:
    """A kernel `(out, in, taps, taps)` in the transform's domain, for as long as one sequence is computed.

    The gradient of the weight is the sum of what each step gives. It is gathered in the transform's domain, in one
    place, and brought back once: autograd would take it back, and add it up, step by step. What tells autograd when all
    steps have given theirs is `token`: a scalar that every convolution depends on, and that depends on the weight.
    """

    def __init__(self, weight: Tensor, inputs: Sequence[int], by: Matrices, scratch: Scratch) -> None:
        self.inputs = tuple(inputs)
        self.by, self.scratch = by, scratch
        self.gathered = _Sum()
        self.transformed = _transformed(weight.detach(), by, scratch)
        self.token = _Gathering.apply(weight, self.gathered, by)  # type: ignore[no-untyped-call]

    def __call__(self, fields: Sequence[Tensor | None], tiles: Sequence[Tensor | None]) -> Tensor:
        """The convolution of fields `(b c h w)` side by side, given also as their tiles; one that is None is zero.

        Only the fields are remembered for the way back: tiles are four times as large, and soon made again.
        """
        known = [None if field is None else field.detach() for field in fields]
        convolved: Tensor = _Convolving.apply(self, self.token, *known, *tiles)  # type: ignore[no-untyped-call]
        return convolved

    def gather(self, tiles: Sequence[Tensor | None], products: Tensor) -> None:
        """Add what one step gives to the gradient of the weight: the products of its tiles and of `products`."""
        whole = self.gathered.of_this_pass(self.transformed)
        if (width := self._leading(tiles)) is not None:  # one product of all, put together anew, is the quickest
            place = whole[:, :width]
            torch.baddbmm(place, _together(tiles, self.scratch).mT, products, out=place)
            return
        for tile, place in zip(tiles, self.parts(whole), strict=True):
            if tile is not None:
                torch.baddbmm(place, tile.mT, products, out=place)

    def of_those(self, tiles: Sequence[Tensor | None]) -> Tensor:
        """The transformed kernel `(side**2, in, out)` of the fields that are there."""
        if (width := self._leading(tiles)) is not None:
            return self.transformed[:, :width]
        pieces = zip(self.parts(self.transformed), tiles, strict=True)
        return torch.cat([piece for piece, tile in pieces if tile is not None], dim=1)

    def _leading(self, tiles: Sequence[Tensor | None]) -> int | None:
        """The width of the fields that are there, if those that are not come last; else None."""
        count = sum(tile is not None for tile in tiles)
        return sum(self.inputs[:count]) if all(tile is not None for tile in tiles[:count]) else None

    def parts(self, of: Tensor) -> tuple[Tensor, ...]:
        """`(side**2, in, out)` by the fields that the inputs are of."""
        return torch.split(of, list(self.inputs), dim=1)


class _Sum:
    """What was gathered. It knows nothing of the kernel: a circle would hold its memory until Python looks for such."""

    def __init__(self) -> None:
        self.value: Tensor | None = None
        self._pass = -1

    def of_this_pass(self, like: Tensor) -> Tensor:
        """What was gathered on this way back, zeros at first; a way back that had no use for it left it lying."""
        now: int = torch._C._current_graph_task_id()
        if self.value is None or self._pass != now:
            self.value, self._pass = torch.zeros_like(like), now
        return self.value


def _together(tiles: Sequence[Tensor | None], scratch: Scratch) -> Tensor:
    there = [tile for tile in tiles if tile is not None]
    if len(there) == 1:
        return there[0]
    width = sum(tile.shape[-1] for tile in there)
    return torch.cat(there, dim=-1, out=scratch("together", (*there[0].shape[:2], width), there[0]))


def _transformed(weight: Tensor, by: Matrices, scratch: Scratch) -> Tensor:
    """`(out, in, taps, taps)` to `(side**2, in, out)`."""
    out, into = weight.shape[:2]
    return along_both(by.g, weight.permute(2, 3, 1, 0), scratch).view(by.side**2, into, out)


class _Gathering(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, weight: Tensor, gathered: _Sum, by: Matrices) -> Tensor:
        ctx.gathered, ctx.by, ctx.shape = gathered, by, weight.shape
        return weight.new_zeros(())

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, _: Tensor) -> tuple[Tensor | None, None, None]:
        by, (out, into, _, _) = ctx.by, ctx.shape
        whole, ctx.gathered.value = ctx.gathered.value, None
        if whole is None:
            return None, None, None
        weight = along_both(by.g.t(), whole.view(by.side, by.side, into, out), Scratch())
        return weight.permute(3, 2, 0, 1).contiguous(), None, None


class _Convolving(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, kernel: Kernel, _: Tensor, *fields_and_tiles: Tensor | None) -> Tensor:
        half = len(fields_and_tiles) // 2
        fields, tiles = fields_and_tiles[:half], fields_and_tiles[half:]
        ctx.kernel = kernel
        ctx.save_for_backward(*fields)
        weight = kernel.of_those(tiles)
        together = _together(tiles, kernel.scratch)
        products = kernel.scratch("products", (*together.shape[:2], weight.shape[2]), together)
        shape = next(field for field in fields if field is not None).shape
        torch.bmm(together, weight, out=products)
        return from_tiles(products, kernel.by, (shape[0], shape[2], shape[3]), kernel.scratch)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        kernel, fields = ctx.kernel, ctx.saved_tensors
        nothing: list[Tensor | None] = [None] * len(fields)
        tiles = nothing
        if ctx.needs_input_grad[1]:
            tiles = [None if field is None else to_tiles(field, kernel.by, kernel.scratch) for field in fields]
        products = to_products(gradient, kernel.by, kernel.scratch)
        if ctx.needs_input_grad[1]:
            kernel.gather(tiles, products)
        parts = zip(kernel.parts(kernel.transformed), ctx.needs_input_grad[2 + len(fields) :], strict=True)
        answers = [torch.bmm(products, part.mT) if needed else None for part, needed in parts]
        return None, gradient.new_zeros(()), *nothing, *answers
