"""A field too large to be forecast at once, in tiles that overlap and are blended."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from nowcast.models import Forecaster
from nowcast.windows import Tile, tiles

__all__ = ["tiled_by_lead"]


@torch.inference_mode()
def tiled_by_lead(forecaster: Forecaster, context: Tensor, horizon: int, *, tile: int, halo: int) -> Iterator[Tensor]:
    """All that a forecaster tells (`Forecaster.lifted`) of `(b t c h w)`, whole or in blended tiles, without gradients.

    One lead time after the other, `(b 1 l h w)`, of which `Forecaster.expected` and `Forecaster.chances` make what is
    wanted.
    """
    size = (context.shape[-2], context.shape[-1])
    leads = range(1, horizon + 1)
    found = tiles(size, tile=tile, halo=halo, multiple=forecaster.multiple)
    pieces = [(piece, _ramp(piece, size, halo).to(context)) for piece in found]
    if len(pieces) == 1:
        yield from (told.values for told in forecaster.lifted_by_lead(context, leads))
        return
    weight = context.new_zeros(size)
    for piece, ramp in pieces:
        weight[piece.y, piece.x] += ramp
    parts = [forecaster.lifted_by_lead(context[..., piece.y, piece.x], leads) for piece, _ in pieces]
    for told in zip(*parts, strict=True):
        total = context.new_zeros(*told[0].values.shape[:3], *size)
        for (piece, ramp), part in zip(pieces, told, strict=True):
            total[..., piece.y, piece.x] += part.values * ramp
        yield total / weight


def _ramp(piece: Tile, size: tuple[int, int], halo: int) -> Tensor:
    """Weights of a tile: where it overlaps a neighbour by `2 * halo`, 0 for half a halo, then rising, then 1."""

    def along(part: slice, length: int) -> Tensor:
        weight = torch.ones(part.stop - part.start)
        if halo == 0:
            return weight
        outer = halo // 2
        rise = torch.cat([torch.zeros(outer), torch.linspace(0, 1, 2 * (halo - outer) + 2)[1:-1], torch.ones(outer)])
        if part.start > 0:
            weight[: 2 * halo] = torch.minimum(weight[: 2 * halo], rise)
        if part.stop < length:
            weight[-2 * halo :] = torch.minimum(weight[-2 * halo :], rise.flip(0))
        return weight

    return along(piece.y, size[0])[:, None] * along(piece.x, size[1])[None, :]
