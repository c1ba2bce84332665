"""The convolution is torch's, to rounding; its gradients too, gathered over as many steps as there are."""

from __future__ import annotations

import gc
import weakref

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from nowcast.models.recurrent.winograd import Kernel, Scratch, matrices, to_tiles

CPU = torch.device("cpu")


def fields(*channels: int, dtype: torch.dtype = torch.float64, size: tuple[int, int] = (9, 14)) -> list[Tensor]:
    random = torch.Generator().manual_seed(sum(channels))
    return [torch.randn(2, c, *size, dtype=dtype, generator=random).requires_grad_() for c in channels]


def weight_of(out: int, into: int, taps: int, dtype: torch.dtype = torch.float64, std: float = 1.0) -> Tensor:
    random = torch.Generator().manual_seed(taps)
    weight = torch.randn(out, into, taps, taps, dtype=dtype, generator=random)
    return (std * weight / (into * taps**2) ** 0.5).requires_grad_()


def convolved(parts: list[Tensor], weight: Tensor, inputs: tuple[int, ...]) -> Tensor:
    by = matrices(4, weight.shape[-1], weight.dtype, CPU)
    return Kernel(weight, inputs, by, Scratch())(parts, [to_tiles(part, by, Scratch()) for part in parts])


@pytest.mark.parametrize("taps", [3, 5])
def test_it_is_the_convolution_and_so_are_its_gradients(taps: int) -> None:
    parts, weight = fields(3, 4), weight_of(6, 7, taps)
    got = convolved(parts, weight, (3, 4))
    expected = F.conv2d(torch.cat(parts, dim=1), weight, padding=taps // 2)
    torch.testing.assert_close(got, expected)
    to = torch.randn_like(expected)
    ours, theirs = (torch.autograd.grad(answer, (*parts, weight), to) for answer in (got, expected))
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other)


def test_gradients_by_differences() -> None:
    parts, weight = fields(1, 2, size=(5, 6)), weight_of(2, 3, 3)
    assert torch.autograd.gradcheck(lambda x, y, w: convolved([x, y], w, (1, 2)), (*parts, weight))


@pytest.mark.parametrize("taps", [3, 5])
@pytest.mark.parametrize("std", [1.0, 30.0])
def test_single_precision_rounds_little_also_with_large_weights(taps: int, std: float) -> None:
    """Bounded as hidden states are, by 1, on the scale of what comes out."""
    parts = [part.detach().tanh().float() for part in fields(48, 48, size=(16, 16))]
    weight = weight_of(64, 96, taps, std=std)
    got = convolved(parts, weight.detach().float(), (48, 48))
    expected = F.conv2d(torch.cat(parts, dim=1).double(), weight, padding=taps // 2)
    assert (got - expected).abs().max() < 1e-5 * expected.abs().max()


def test_a_field_that_is_none_is_zero() -> None:
    (part,), weight = fields(4), weight_of(5, 7, 5)
    by = matrices(4, 5, torch.float64, CPU)
    got = Kernel(weight, (3, 4), by, Scratch())([None, part], [None, to_tiles(part, by, Scratch())])
    expected = F.conv2d(part, weight[:, 3:], padding=2)
    torch.testing.assert_close(got, expected)
    (one,), (other,) = (torch.autograd.grad(answer.square().sum(), weight) for answer in (got, expected))
    torch.testing.assert_close(one, other)


def test_the_gradient_is_the_sum_over_steps_and_comes_once() -> None:
    weight = weight_of(4, 4, 3)
    by = matrices(4, 3, torch.float64, CPU)
    kernel = Kernel(weight, (4,), by, Scratch())
    start = fields(4)[0]
    one = other = start
    for _ in range(4):
        one = torch.tanh(kernel([one], [to_tiles(one, by, Scratch())]))
        other = torch.tanh(F.conv2d(other, weight, padding=1))
    calls = []
    weight.register_hook(lambda grad: calls.append(grad))
    (ours,) = torch.autograd.grad(one.sum(), weight, retain_graph=True)
    assert len(calls) == 1
    torch.testing.assert_close(ours, torch.autograd.grad(other.sum(), weight)[0])
    torch.testing.assert_close(torch.autograd.grad(one.sum(), weight)[0], ours)


def test_a_way_back_to_the_fields_alone_leaves_nothing_to_the_next() -> None:
    (part,), weight = fields(4), weight_of(4, 4, 3)
    got = convolved([part], weight, (4,))
    torch.autograd.grad(got.sum(), part, retain_graph=True)
    expected = torch.autograd.grad(F.conv2d(part, weight, padding=1).sum(), weight)[0]
    torch.testing.assert_close(torch.autograd.grad(got.sum(), weight)[0], expected)


def test_its_memory_goes_with_its_last_user() -> None:
    weight = weight_of(4, 4, 3)
    gc.disable()
    try:
        kernel = Kernel(weight, (4,), matrices(4, 3, torch.float64, CPU), Scratch())
        kept = weakref.ref(kernel)
        del kernel
        assert kept() is None
    finally:
        gc.enable()
