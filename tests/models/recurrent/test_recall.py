"""Recall by blocks against attention written out."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from nowcast.models.recurrent import recall as module
from nowcast.models.recurrent.recall import recall


def written_out(query: Tensor, past: list[Tensor]) -> Tensor:
    keys = torch.cat(past, dim=2).flatten(2)
    share = torch.softmax(torch.einsum("bcx,bcy->bxy", query.flatten(2), keys), dim=2)
    return torch.einsum("bxy,bcy->bcx", share, keys).view_as(query)


def states(count: int, *, scale: float = 1.0) -> list[Tensor]:
    random = torch.Generator().manual_seed(count)
    shape = (2, 3, 2, 5, 7)
    made = [scale * torch.randn(shape, generator=random, dtype=torch.float64) for _ in range(count)]
    return [state.requires_grad_() for state in made]


@pytest.mark.parametrize("block", [16, 512])
@pytest.mark.parametrize("blanks", [0, 2])
@pytest.mark.parametrize("scale", [1.0, 100.0])
def test_it_is_attention_to_all_past_states(
    block: int, blanks: int, scale: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BLOCK", block)
    query, *past = states(4, scale=scale)
    expected = written_out(query, [torch.zeros_like(query)] * blanks + past)
    found = recall(query, past, blanks)
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-12)
    towards = torch.randn_like(expected)
    for one, other in zip(
        torch.autograd.grad(found, [query, *past], towards),
        torch.autograd.grad(expected, [query, *past], towards),
        strict=True,
    ):
        torch.testing.assert_close(one, other, rtol=1e-8, atol=1e-10)


def test_the_way_that_other_devices_take_gives_the_same() -> None:
    query, *past = [state.detach().float() for state in states(3)]
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=True):
        other = recall(query, past, 1)
    torch.testing.assert_close(other.float(), recall(query, past, 1), rtol=0.05, atol=0.05)


def test_it_finds_the_state_that_is_asked_for() -> None:
    past = [torch.zeros(1, 3, 2, 4, 4) for _ in range(3)]
    past[1][0, 0, 1, 2, 3] = 1.0
    query = torch.zeros(1, 3, 2, 4, 4)
    query[:, 0] = 100.0
    torch.testing.assert_close(recall(query, past)[:, 0], torch.ones(1, 2, 4, 4))
