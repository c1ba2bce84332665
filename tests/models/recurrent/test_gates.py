"""The fused gates are the formula, and so is their way back."""

from __future__ import annotations

import pytest
import torch

from nowcast.models.recurrent.gates import lstm, remember


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


def test_under_autocast_what_is_too_small_for_half_precision_is_gathered() -> None:
    """A cell that takes in 0.01 and forgets 0.001 of itself, 400 times: bfloat16 knows nothing between 0.996 and 1."""
    gates = torch.tensor([0.01, 0.999, 0.5, 0.99]).logit().bfloat16()
    i, f, g = gates[[0, 1, 3]]
    taken, kept = (i.double().sigmoid() * g.double().tanh(), f.double().sigmoid())
    expected = (taken * (1 - kept**400) / (1 - kept)).item()
    cell = memory = None
    with torch.autocast("cpu", torch.bfloat16):
        for _ in range(400):
            hidden, cell = lstm(gates.view(1, 4, 1, 1), cell)
            memory, _ = remember(torch.stack([i, f - 1, g]).view(1, 3, 1, 1), memory)
    assert hidden.dtype == torch.bfloat16
    assert cell is not None
    assert memory is not None
    assert (cell.dtype, memory.dtype) == (torch.float32, torch.float32)
    assert cell.item() == pytest.approx(expected, rel=1e-4)
    assert memory.item() == pytest.approx(expected, rel=0.03)  # f - 1 is rounded


def test_outside_of_autocast_half_precision_is_left_as_it_is() -> None:
    gates, cell = torch.randn(2, 12, 3, 4).bfloat16(), torch.randn(2, 3, 3, 4).bfloat16()
    assert {each.dtype for each in lstm(gates, cell)} == {torch.bfloat16}
    assert remember(gates[:, :9], cell)[0].dtype == torch.bfloat16
