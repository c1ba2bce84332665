"""Fields taken apart and put together: what goes there is what comes back, and each way has its adjoint."""

from __future__ import annotations

import pytest
import torch

from nowcast.models.recurrent.winograd.scratch import Scratch
from nowcast.models.recurrent.winograd.tiles import count, from_tiles, to_products, to_tiles
from nowcast.models.recurrent.winograd.transforms import matrices

SIZES = pytest.mark.parametrize("size", [(8, 8), (9, 7), (1, 1), (4, 13)])


@pytest.mark.parametrize("taps", [3, 5])
@SIZES
def test_tiles_are_the_pixels_around_each_place_transformed(taps: int, size: tuple[int, int]) -> None:
    by = matrices(4, taps, torch.float64, torch.device("cpu"))
    field = torch.randn(2, 3, *size, dtype=torch.float64)
    down, right = count(*size, 4)
    tiles = to_tiles(field, by, Scratch()).view(by.side, by.side, 2, down, right, 3)
    edge = taps // 2
    for row in range(down):
        for column in range(right):
            window = torch.zeros(2, 3, by.side, by.side, dtype=torch.float64)
            for i in range(by.side):
                for j in range(by.side):
                    y, x = row * 4 - edge + i, column * 4 - edge + j
                    if 0 <= y < size[0] and 0 <= x < size[1]:
                        window[..., i, j] = field[..., y, x]
            expected = (by.b @ window @ by.b.T).permute(2, 3, 0, 1)
            torch.testing.assert_close(tiles[:, :, :, row, column], expected)


@SIZES
def test_the_way_back_is_the_adjoint(size: tuple[int, int]) -> None:
    by = matrices(4, 5, torch.float64, torch.device("cpu"))
    field = torch.randn(2, 3, *size, dtype=torch.float64, requires_grad=True)
    tiles = to_tiles(field, by, Scratch())
    other = torch.randn_like(tiles)
    (back,) = torch.autograd.grad(tiles, field, other)
    torch.testing.assert_close((tiles * other).sum(), (field * back).sum())
    products = torch.randn_like(tiles.detach())
    out = from_tiles(products, by, (2, *size), Scratch())
    image = torch.randn_like(out)
    torch.testing.assert_close((out * image).sum(), (products * to_products(image, by, Scratch())).sum())


def test_gradients_by_differences() -> None:
    by = matrices(4, 3, torch.float64, torch.device("cpu"))
    field = torch.randn(1, 2, 5, 6, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: to_tiles(x, by, Scratch()), field)
