"""Fields are read between their pixels as planes are, and grids of other sizes cover the same rectangle."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from nowcast.models.advection.sampling import pixel_sides, resized, sampled


def plane(h: int, w: int) -> Tensor:
    y, x = torch.meshgrid(torch.arange(h).double(), torch.arange(w).double(), indexing="ij")
    return (2 * x - 3 * y + 1)[None, None]


@pytest.mark.parametrize("size", [(7, 9), (2, 2), (1, 6), (5, 1), (1, 1)])
def test_a_displacement_of_nothing_changes_no_bit(size: tuple[int, int]) -> None:
    field = torch.rand(2, 3, *size)
    for beyond in ("zeros", "border"):
        assert torch.equal(sampled(field, torch.zeros(2, 2, *size), beyond=beyond), field)
    partly = torch.zeros(2, 2, *size)
    partly[:, 0, 0, 0] = 0.5
    assert torch.equal(sampled(field, partly)[..., 1:], field[..., 1:])


@pytest.mark.parametrize("size", [(7, 9), (1, 6), (5, 1)])
def test_planes_are_read_exactly_between_pixels(size: tuple[int, int]) -> None:
    field, (h, w) = plane(*size), size
    displacement = torch.zeros(1, 2, h, w, dtype=torch.float64)
    displacement[:, 0, :, : w - 1] = 0.25
    displacement[:, 1, 1:] = -0.75
    torch.testing.assert_close(sampled(field, displacement), field + 2 * displacement[:, :1] - 3 * displacement[:, 1:])


def test_beyond_the_field_are_zeros_or_its_border() -> None:
    field = torch.rand(1, 1, 4, 5) + 1
    far = torch.full((1, 2, 4, 5), 100.0)
    assert (sampled(field, far) == 0).all()
    assert torch.equal(sampled(field, far, beyond="border"), field[..., -1:, -1:].expand_as(field))
    row = torch.rand(1, 1, 1, 5) + 1
    assert torch.equal(sampled(row, far[:, :, :1], beyond="border"), row[..., -1:].expand_as(row))
    half = torch.tensor([0.0, 0.5]).view(1, 2, 1, 1).expand(1, 2, 1, 5)
    torch.testing.assert_close(sampled(row, half), row / 2)


@pytest.mark.parametrize("to", [(3, 5), (4, 8), (20, 30), (6, 30)])
def test_other_grids_see_the_same_field_however_it_is_turned(to: tuple[int, int]) -> None:
    field = torch.rand(1, 2, 7, 10, dtype=torch.float64)
    answer = resized(field, to)
    assert answer.shape == (1, 2, *to)
    for axis in (-1, -2):
        torch.testing.assert_close(resized(field.flip(axis), to), answer.flip(axis))
    torch.testing.assert_close(resized(field.mT, (to[1], to[0])), answer.mT)
    assert torch.equal(resized(field, (7, 10)), field)


def test_sides_are_told_x_before_y() -> None:
    assert pixel_sides((5, 20), (10, 80), torch.ones(1)).flatten().tolist() == [4.0, 2.0]
