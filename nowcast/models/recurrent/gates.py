"""The gates of an LSTM, point by point, as one operation: little is remembered for the way back.

Under autocast convolutions give half precision; what is gathered over the steps stays in single precision.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

__all__ = ["lstm", "remember", "wide"]

HALVES = (torch.float16, torch.bfloat16)


def wide(values: Tensor) -> Tensor:
    """In single precision, if autocast made them half: to be added to what many steps gather."""
    halved = values.dtype in HALVES and torch.is_autocast_enabled(values.device.type)
    return values.float() if halved else values


def lstm(gates: Tensor, cell: Tensor | None) -> tuple[Tensor, Tensor]:
    """`c' = s(f) c + s(i) tanh(g)`, `h' = s(o) tanh(c')`, with `s` the logistic function.

    Parameters
    ----------
    gates
        `(b 4c h w)`: i, f, o and g before their functions.
    cell
        `(b c h w)`, or None for zeros.

    Returns
    -------
    tuple
        `h'` in the type of `gates`, and `c'`, `(b c h w)` each.
    """
    if gates.device.type == "cpu" and not torch.is_autocast_enabled("cpu"):
        hidden, after = _Gates.apply(gates, cell)  # type: ignore[no-untyped-call]
        return hidden, after
    i, f, o, g = wide(gates).chunk(4, dim=1)
    after = torch.sigmoid(i) * torch.tanh(g)
    if cell is not None:
        after = after + torch.sigmoid(f) * cell
    return (torch.sigmoid(o) * torch.tanh(after)).to(gates.dtype), after


def remember(gates: Tensor, memory: Tensor | None) -> tuple[Tensor, Tensor]:
    """`m' = s(f + 1) m + s(i) tanh(g)`, and what it took in, `s(i) tanh(g)`.

    `gates` `(b 3c h w)` are i, f and g before their functions; `memory` `(b c h w)`, or None for zeros.
    """
    i, f, g = wide(gates).chunk(3, dim=1)
    taken = torch.sigmoid(i) * torch.tanh(g)
    return (taken if memory is None else torch.addcmul(taken, torch.sigmoid(f + 1.0), memory)), taken


class _Gates(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, gates: Tensor, cell: Tensor | None) -> tuple[Tensor, Tensor]:
        width = gates.shape[1] // 4
        opened = torch.empty_like(gates)
        torch.sigmoid(gates[:, : 3 * width], out=opened[:, : 3 * width])
        torch.tanh(gates[:, 3 * width :], out=opened[:, 3 * width :])
        i, f, o, g = opened.chunk(4, dim=1)
        after = i * g if cell is None else torch.mul(f, cell).addcmul_(i, g)
        ctx.save_for_backward(opened, cell, after)
        return torch.tanh(after).mul_(o), after

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, to_hidden: Tensor, to_after: Tensor) -> tuple[Tensor, Tensor | None]:
        opened, cell, after = ctx.saved_tensors
        i, f, o, g = opened.chunk(4, dim=1)
        bent = torch.tanh(after)
        gates = torch.empty_like(opened)
        to_i, to_f, to_o, to_g = gates.chunk(4, dim=1)
        torch.mul(to_hidden, bent, out=to_o)
        # tanh' = 1 - tanh^2
        whole = bent.square_().neg_().add_(1).mul_(o).mul_(to_hidden).add_(to_after)
        torch.mul(whole, g, out=to_i)
        torch.mul(whole, i, out=to_g)
        if cell is None:
            to_f.zero_()
        else:
            torch.mul(whole, cell, out=to_f)
        logistic = opened[:, : 3 * i.shape[1]]
        gates[:, : 3 * i.shape[1]].mul_(logistic).mul_(1 - logistic)
        to_g.mul_(1 - g.square())
        return gates, None if cell is None else whole.mul_(f)
