"""Dense motion from a few frames: Lucas & Kanade's equations, from coarse to fine, smooth where nothing is seen.

What is seen keeps its brightness while it moves, so that at each pixel gradient and change tie its motion down to a
line, and those of its surroundings to a point (Lucas & Kanade 1981,
https://www.ijcai.org/Proceedings/81-2/Papers/017.pdf).
Coarse frames come first, and finer ones are brought together by what was found so far. On each scale the lines of all
pairs of frames are gathered with Gaussian weights, from surroundings as wide as the field to narrow ones, each of which
is drawn to the wider one's answer where it knows little itself (Tikhonov): dry and missing areas take over what moves
around them, without a seam.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from nowcast.models.advection.sampling import pixel_sides, resized, sampled

__all__ = ["motion"]

CELL = 8
"""Side in pixels of the cells in which motion is told: it is smooth, and pixels are many."""

HALVINGS = (1, 4)
"""Times that the finest and the coarsest frames are halved: pixels of full size have more noise than motion, and in
those of 16 the largest motions are about one."""

COARSEST = 8
"""Pixels along the shorter side of frames that are not halved any further."""

NARROWEST = 4.0
"""Standard deviation of the narrowest surroundings on any scale, in its pixels."""

REACH = 2.0
"""How far one scale may correct the motion found before it, in its pixels."""

DRAWN = 0.1
"""How much a cell is drawn to the answer of wider surroundings, as a share of the frame's mean squared gradient."""

TINY = 1e-6
"""Weight below which a mean counts for nothing."""


@torch.no_grad()
def motion(value: Tensor, observed: Tensor, *, smoothness: float = 16.0) -> Tensor:
    """How far everything moves from frame to frame, one motion for all frames and channels; it has no gradient.

    Parameters
    ----------
    value
        Frames, evenly spaced in time, the newest last: `(b t c h w)`, finite. Their unit does not matter.
    observed
        1 where a value stands, 0 where none does: as `value`, or `(b t 1 h w)`.
    smoothness
        Standard deviation in pixels of the narrowest surroundings that tell a motion.

    Returns
    -------
    Tensor
        Pixels in each step of time, x then y, in cells of 8 x 8 pixels: `(b 2 h/8 w/8)`, rounded up. 0 if nothing tells
        of motion anywhere.
    """
    size = (value.shape[-2], value.shape[-1])
    cells = (-(-size[0] // CELL), -(-size[1] // CELL))
    found = value.new_zeros(value.shape[0], 2, *cells)
    scales = _scales(value * observed, observed.expand_as(value))
    for frames, seen in (scales[-1], *reversed(scales)):  # the coarsest, where corrections are largest, twice
        level = (frames.shape[-2], frames.shape[-1])
        told = (min(cells[0], level[0]), min(cells[1], level[1]))
        side = pixel_sides(level, size, value)
        before = resized(found, told)
        lines = resized(_lines(frames, seen, resized(found, level) / side, side), told)
        width = max(smoothness, NARROWEST * float(side.max()))
        correction = _solved(lines, before, size, width) - before
        found = before + torch.minimum(torch.maximum(correction, -REACH * side), REACH * side)
    return resized(found, cells)


def _scales(weighted: Tensor, weight: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Frames as means of what was observed, and how much was; the finest first, each half as fine as the one before."""
    several = weight.shape[:3]
    weighted, weight = weighted.flatten(0, 1), weight.flatten(0, 1)
    scales: list[tuple[Tensor, Tensor]] = []
    for halvings in range(HALVINGS[1] + 1):
        h, w = weight.shape[-2:]
        last = halvings == HALVINGS[1] or min(h, w) <= COARSEST
        if last or halvings >= HALVINGS[0]:
            mean = weighted / weight.clamp_min(TINY)
            scales.append((mean.reshape(*several, h, w), weight.reshape(*several, h, w)))
        if last:
            break
        half = (-(-h // 2), -(-w // 2))
        weighted, weight = resized(weighted, half), resized(weight, half)
    return scales


def _lines(frames: Tensor, seen: Tensor, displacement: Tensor, side: Tensor) -> Tensor:
    """What each pixel says of the motion beyond `displacement`, which is `(b 2 h w)` in pixels of this scale.

    Gradients' xx, yy and xy, and their x and y times the change, per pixel of full size (of which `side` are one here),
    summed over channels and pairs of frames: `(b 5 h w)`.
    """
    c = frames.shape[2]
    values, weights = [frames[:, -1]], [seen[:, -1]]
    for age in range(1, frames.shape[1]):
        there = seen[:, -1 - age]
        both = sampled(torch.cat([frames[:, -1 - age] * there, there], dim=1), -age * displacement)
        values.append(both[:, :c] / both[:, c:].clamp_min(TINY))
        weights.append(both[:, c:])
    slopes = [_gradient(value, side) for value in values]
    trusted = [_least_around(weight) for weight in weights]
    total = frames.new_zeros(frames.shape[0], 5, *frames.shape[-2:])
    for older in range(1, len(values)):
        for newer in range(older):
            x, y = ((older - newer) / 2 * (slopes[older] + slopes[newer])).unbind(1)
            change = values[newer] - values[older]
            terms = torch.stack([x * x, y * y, x * y, -x * change, -y * change], dim=1)
            total += ((trusted[older] * trusted[newer])[:, None] ** 2 * terms).sum(2)
    return total


def _gradient(value: Tensor, side: Tensor) -> Tensor:
    """By x and y, per pixel of full size; `(b c h w)` to `(b 2 c h w)`."""
    padded = F.pad(value, (1, 1, 1, 1), mode="replicate")
    x = padded[..., 1:-1, 2:] - padded[..., 1:-1, :-2]
    y = padded[..., 2:, 1:-1] - padded[..., :-2, 1:-1]
    return torch.stack([x, y], dim=1) / (2 * side[..., None])


def _least_around(weight: Tensor) -> Tensor:
    """The least of each pixel and its eight neighbours, 0 beyond the field: how far a gradient is to be trusted."""
    return -F.max_pool2d(-F.pad(weight, (1, 1, 1, 1)), 3, stride=1)


def _solved(lines: Tensor, before: Tensor, size: tuple[int, int], narrowest: float) -> Tensor:
    """The motion `(b 2 h w)` that suits the lines `(b 5 h w)`, which are told beyond the motion `before`."""
    strength = lines[:, :2].mean(dim=(1, 2, 3), keepdim=True)
    xx, yy, xy, x, y = (lines / torch.where(strength > 0, strength, 1)).unbind(1)
    u, v = before.unbind(1)
    lines = torch.stack([xx, yy, xy, x + xx * u + xy * v, y + xy * u + yy * v], dim=1)
    widths = [narrowest]
    while widths[-1] < max(size):
        widths.append(2 * widths[-1])
    for width in reversed(widths):
        h, w = lines.shape[-2:]
        down, across = _nearness(h, width * h / size[0], lines), _nearness(w, width * w / size[1], lines)
        drawn = DRAWN * down.sum(1)[:, None] * across.sum(0)
        xx, yy, xy, x, y = (down @ lines @ across).unbind(1)
        xx, yy = xx + drawn, yy + drawn
        x, y = x + drawn * u, y + drawn * v
        determinant = xx * yy - xy * xy
        u, v = (yy * x - xy * y) / determinant, (xx * y - xy * x) / determinant
    return torch.stack([u, v], dim=1)


def _nearness(cells: int, width: float, like: Tensor) -> Tensor:
    """Gaussian weights of the cells along a side for each other."""
    place = torch.arange(cells, dtype=like.dtype, device=like.device)
    return torch.exp(-0.5 * ((place[:, None] - place) / width) ** 2)
