"""The fused gates are the formula, and so is their way back."""

from __future__ import annotations

import pytest
import torch

from nowcast.models.gates import lstm, remember


@pytest.mark.parametrize("began", [True, False])
def test_an_lstm_is_its_formula(began: bool) -> None:
    gates = torch.randn(2, 12, 3, 4, dtype=torch.float64, requires_grad=True)
    cell = torch.randn(2, 3, 3, 4, dtype=torch.float64, requires_grad=True) if began else None
    i, f, o, g = gates.chunk(4, dim=1)
    after = torch.sigmoid(i) * torch.tanh(g) + (0 if cell is None else torch.sigmoid(f) * cell)
    hidden, kept = lstm(gates, cell)
    torch.testing.assert_close(kept, after)
    torch.testing.assert_close(hidden, torch.sigmoid(o) * torch.tanh(after))
    assert torch.autograd.gradcheck(lstm, (gates, cell))


def test_channels_last_makes_no_difference() -> None:
    gates, cell = torch.randn(2, 12, 3, 4), torch.randn(2, 3, 3, 4)
    last = gates.to(memory_format=torch.channels_last)
    for one, other in zip(lstm(gates, cell), lstm(last, cell), strict=True):
        torch.testing.assert_close(one, other)


def test_a_memory_takes_in_and_forgets() -> None:
    gates = torch.randn(2, 6, 3, 4)
    memory = torch.randn(2, 2, 3, 4)
    i, f, g = gates.chunk(3, dim=1)
    after, taken = remember(gates, memory)
    torch.testing.assert_close(taken, torch.sigmoid(i) * torch.tanh(g))
    torch.testing.assert_close(after, taken + torch.sigmoid(f + 1) * memory)
    assert torch.equal(remember(gates, None)[0], taken)
