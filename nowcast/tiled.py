"""A field too large to be forecast at once, in tiles that overlap and are blended."""

from __future__ import annotations

import torch
from torch import Tensor

from nowcast.models import Forecaster
from nowcast.windows import Tile, tiles

__all__ = ["run_tiled"]


def run_tiled(forecaster: Forecaster, context: Tensor, horizon: int, *, tile: int, halo: int) -> Tensor:
    """All that a forecaster tells (`Forecaster.lifted`) of `(b t c h w)`, whole or in blended tiles, without gradients.

    `(b horizon l h w)`, of which `Forecaster.frames` and `Forecaster.chances` make what is wanted.
    """
    size = (context.shape[-2], context.shape[-1])
    with torch.inference_mode():
        pieces = tiles(size, tile=tile, halo=halo, multiple=forecaster.multiple)
        if len(pieces) == 1:
            return forecaster.lifted(context, horizon).values
        total, weight = context.new_zeros(()), context.new_zeros(size)
        for piece in pieces:
            ramp = _ramp(piece, size, halo).to(context)
            told = forecaster.lifted(context[..., piece.y, piece.x], horizon).values
            if total.ndim == 0:
                total = context.new_zeros(*told.shape[:3], *size)
            total[..., piece.y, piece.x] += told * ramp
            weight[piece.y, piece.x] += ramp
        return total / weight


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
