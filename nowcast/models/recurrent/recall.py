"""Recall: what a state remembers of past ones, block by block, so that what is compared is never held at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

__all__ = ["recall"]

BLOCK = 512
"""Places that are compared with so many at a time: their products stay in a core's cache."""


def recall(query: Tensor, past: Sequence[Tensor], blanks: int = 0) -> Tensor:
    """Attention of a state's places to all places of past ones, `softmax(Q K^T) V` with `K = V`.

    Equation 5 of E3D-LSTM (openreview.net/forum?id=B1lKS2AqtX). On a CPU nothing of what is compared is remembered for
    the way back: it is worked out again, as in arXiv:2205.14135.

    Parameters
    ----------
    query, past
        `(b c depth h w)` each.
    blanks
        How many more past states are zero: they take their share, and give nothing.
    """
    flat = query.flatten(2)
    if query.device.type == "cpu" and not torch.is_autocast_enabled("cpu"):
        found = _Recalling.apply(flat, blanks * flat.shape[2], *(state.flatten(2) for state in past))  # type: ignore[no-untyped-call]
        return found.view_as(query)  # type: ignore[no-any-return]
    keys = torch.cat([state.flatten(2) for state in [*past, *[torch.zeros_like(past[0])] * blanks]], dim=2).mT[:, None]
    return F.scaled_dot_product_attention(flat.mT[:, None], keys, keys, scale=1.0)[:, 0].mT.reshape(query.shape)


class _Recalling(torch.autograd.Function):
    """`(b c places)` each; `blank` places more are zero."""

    @staticmethod
    def forward(ctx: Any, query: Tensor, blank: int, *past: Tensor) -> Tensor:
        found, total = torch.empty_like(query), query.new_empty(len(query), query.shape[2])
        for sample in range(len(query)):
            for here in _blocks(query.shape[2]):
                asked = query[sample, :, here].t()
                largest = query.new_full((len(asked), 1), 0.0 if blank else -torch.inf)
                shares = query.new_full((len(asked), 1), float(blank))
                answer = query.new_zeros(asked.shape)
                for state in past:
                    for there in _blocks(state.shape[2]):
                        keys = state[sample, :, there]
                        alike = asked @ keys
                        larger = torch.maximum(largest, alike.amax(dim=1, keepdim=True))
                        alike.sub_(larger).exp_()
                        faded = largest.sub_(larger).exp_()
                        shares.mul_(faded).add_(alike.sum(dim=1, keepdim=True))
                        answer.mul_(faded).addmm_(alike, keys.t())
                        largest = larger
                found[sample, :, here] = answer.div_(shares).t()
                total[sample, here] = shares.log_().add_(largest)[:, 0]
        ctx.save_for_backward(query, found, total, *past)
        return found

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        query, found, total, *past = ctx.saved_tensors
        to_query, to_past = torch.zeros_like(query), [torch.empty_like(state) for state in past]
        common = (gradient * found).sum(dim=1)
        for sample in range(len(query)):
            for here in _blocks(query.shape[2]):
                known = float(here.start > 0)  # what was summed of the places so far, and nothing at first
                asked, wanted = query[sample, :, here], gradient[sample, :, here]
                sums, commons = total[sample, here, None], common[sample, here, None]
                for state, to_state in zip(past, to_past, strict=True):
                    for there in _blocks(state.shape[2]):
                        keys, to_keys = state[sample, :, there], to_state[sample, :, there]
                        share = (asked.t() @ keys).sub_(sums).exp_()
                        to_keys.addmm_(wanted, share, beta=known)
                        share.mul_((wanted.t() @ keys).sub_(commons))
                        to_keys.addmm_(asked, share)
                        to_query[sample, :, here].addmm_(keys, share.t())
        return to_query, None, *to_past


def _blocks(places: int) -> Iterator[slice]:
    for start in range(0, places, BLOCK):
        yield slice(start, min(start + BLOCK, places))
