"""Fields at places between their pixels, and on finer or coarser grids: alike whichever way a field is turned."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["pixel_sides", "resized", "sampled"]


def resized(field: Tensor, size: tuple[int, int]) -> Tensor:
    """The same rectangle on a grid of another size, averaged where that is coarser; `(b c h w)` to `(b c *size)`."""
    if field.shape[-2:] == size:
        return field
    coarser = size[0] < field.shape[-2] or size[1] < field.shape[-1]
    return F.interpolate(field, size=size, mode="bilinear", antialias=coarser, align_corners=False)


def pixel_sides(size: tuple[int, int], of: tuple[int, int], like: Tensor) -> Tensor:
    """Sides of the pixels of a grid, counted in pixels of another of the same rectangle: x then y, `(1 2 1 1)`."""
    return like.new_tensor([of[1] / size[1], of[0] / size[0]]).view(1, 2, 1, 1)


def sampled(field: Tensor, displacement: Tensor, *, beyond: str = "zeros", out: Tensor | None = None) -> Tensor:
    """What lies `displacement` away from each pixel, between four pixels by their distances (bilinear).

    Parameters
    ----------
    field
        `(b c h w)`.
    displacement
        In pixels, x then y, `(b 2 h w)`. Where it is 0 the pixel's own value is given, to the last bit.
    beyond
        What is taken to lie beyond the field: "zeros", or the "border" that is nearest.
    out
        Written to, channel by channel, where nothing is learnt; it may be the field itself.
    """
    stands = (displacement == 0).all(1, keepdim=True)
    still = stands if bool(stands.any()) else None
    thin = min(field.shape[-2:]) == 1  # places are told as -1 to 1 from the first pixel to the last: there must be two
    h, w = (side + 2 * thin for side in field.shape[-2:])
    reach = displacement.new_tensor([2 / (w - 1), 2 / (h - 1)])
    grid = displacement.permute(0, 2, 3, 1) * reach
    for axis, (pixels, inner) in enumerate(((w, field.shape[-1]), (h, field.shape[-2]))):
        first = (pixels - inner) // 2
        place = torch.arange(first, first + inner, device=field.device, dtype=field.dtype) * (2 / (pixels - 1)) - 1
        grid[..., axis] += place if axis == 0 else place[:, None]

    def read(own: Tensor) -> Tensor:
        wide = F.pad(own, (1, 1, 1, 1), mode="constant" if beyond == "zeros" else "replicate") if thin else own
        found = F.grid_sample(wide, grid, mode="bilinear", padding_mode=beyond, align_corners=True)
        return found if still is None else torch.where(still, own, found)

    if out is None:
        return read(field)
    for channel in range(field.shape[1]):
        out[:, channel] = read(field[:, channel : channel + 1])[:, 0]
    return out
