"""The matrices make a correlation, for every tile and kernel that they are asked for."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from nowcast.models.recurrent.winograd.scratch import Scratch
from nowcast.models.recurrent.winograd.transforms import POINTS, along_both, matrices

CPU = torch.device("cpu")


@pytest.mark.parametrize("taps", POINTS)
@pytest.mark.parametrize("outputs", [2, 3, 4])
def test_they_make_a_correlation(taps: int, outputs: int) -> None:
    by = matrices(outputs, taps, torch.float64, CPU)
    random = np.random.default_rng(0)
    pixels, kernel = random.normal(size=by.side), random.normal(size=taps)
    got = by.a.numpy() @ ((by.g.numpy() @ kernel) * (by.b.numpy() @ pixels))
    np.testing.assert_allclose(got, np.correlate(pixels, kernel), rtol=1e-12, atol=1e-12)


def test_both_sides_are_a_product_of_kronecker() -> None:
    by = matrices(4, 5, torch.float64, CPU)
    values = torch.randn(8, 8, 3, 2, dtype=torch.float64)
    expected = torch.kron(by.a, by.a) @ values.reshape(64, -1)
    torch.testing.assert_close(along_both(by.a, values, Scratch()), expected.view(4, 4, 3, 2))


@pytest.mark.parametrize("taps", POINTS)
def test_the_points_differ(taps: int) -> None:
    assert len(set(POINTS[taps])) == len(POINTS[taps]) == 4 + taps - 2
