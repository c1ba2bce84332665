"""Semi-Lagrangian transport: what stands at a place is what stood where the flow into it began.

Germann & Zawadzki 2002, doi:10.1175/1520-0493(2002)130<2859:SDOTPO>2.0.CO;2.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from nowcast.models.advection.sampling import pixel_sides, resized, sampled

__all__ = ["aligned", "carried", "completed", "displacements", "transport"]

MIDPOINTS = 3
"""Times that the middle of a step back is looked for, each from the motion at the one before."""

BORDER = 16
"""Side in pixels of the means that stand for what lies beyond the field."""

FADING = 32.0
"""Pixels beyond the field over which these means give way to that of the whole field, by a factor of e."""

ENOUGH = 0.499
"""Share of what stands around a place, by distance, that must have been observed: just under half, so that a field ends
half a pixel beyond the middle of its last pixels whatever the rounding."""


def transport(value: Tensor, observed: Tensor, motion: Tensor, horizon: int) -> tuple[Tensor, Tensor]:
    """Carry a frame along with a motion that stays as it is.

    Displacements add up over lead times, and the frame itself is read between its pixels once for each: a forecast far
    ahead is no more blurred than one nearby.

    Parameters
    ----------
    value
        `(b c h w)`, finite.
    observed
        1 where a value stands, 0 where none does: `(b c h w)` or `(b 1 h w)`.
    motion
        Pixels of `value` in each step of time, x then y: `(b 2 h' w')`, on this grid or a coarser one of the same
        rectangle.

    Returns
    -------
    Tensor, Tensor
        `(b horizon c h w)`, 0 where nothing was brought; and as `observed`, `(b horizon c|1 h w)`, where something was.
        No value is brought from beyond the field, nor from where most of the value at hand was missing.
    """
    frames, known = [], []
    size = (value.shape[-2], value.shape[-1])
    both = torch.cat([value * observed, observed], dim=1)
    for displacement in displacements(motion, size, horizon):
        brought, there = _read(both, value.shape[1], resized(displacement, size))
        frames.append(brought)
        known.append(there)
    return torch.stack(frames, 1), torch.stack(known, 1)


def completed(value: Tensor, observed: Tensor, motion: Tensor) -> tuple[Tensor, Tensor]:
    """The newest frame and, where it misses pixels, what older ones bring: `(b t c h w)` to `(b c h w)`, both."""
    newest, seen = value[:, -1] * observed[:, -1], observed[:, -1]
    size = (value.shape[-2], value.shape[-1])
    for age, displacement in enumerate(displacements(motion, size, value.shape[1] - 1), start=2):
        if bool(((seen == 0) & (observed[:, -age] > 0).any(dim=(-2, -1), keepdim=True)).any()):
            both = torch.cat([value[:, -age] * observed[:, -age], observed[:, -age]], dim=1)
            brought, there = _read(both, value.shape[2], resized(displacement, size))
            newest = torch.where(seen > 0, newest, brought)
            seen = torch.where(seen > 0, seen, there)
    return newest, seen


def aligned(value: Tensor, observed: Tensor, motion: Tensor) -> tuple[Tensor, Tensor]:
    """Frames as they lie once each is carried along to the time of the newest: `(b t c h w)` to the same, both."""
    size = (value.shape[-2], value.shape[-1])
    values, seen = [value[:, -1] * observed[:, -1]], [observed[:, -1]]
    for age, displacement in enumerate(displacements(motion, size, value.shape[1] - 1), start=2):
        both = torch.cat([value[:, -age] * observed[:, -age], observed[:, -age]], dim=1)
        brought, there = _read(both, value.shape[2], resized(displacement, size))
        values.insert(0, brought)
        seen.insert(0, there)
    return torch.stack(values, 1), torch.stack(seen, 1)


def carried(
    frames: Iterable[Tensor], newest: Tensor, observed: Tensor, motion: Tensor, leads: Sequence[int]
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """What is told at the newest frame's places for so many steps ahead each, at the places that it is brought to.

    Parameters
    ----------
    frames
        Of each lead time `(b l h w)`, known everywhere: beyond the field stands the mean along its border.
    newest, observed
        The newest frame, and 1 where it was observed: `(b c h w)` both.

    Yields
    ------
    Tensor, Tensor, Tensor
        As `frames`, and where nothing is learnt written over by the next: whole fields of all channels are a lot of
        memory; as `newest`, itself brought; and as `observed`, 1 where it was brought from a place that was observed.
    """
    size = (observed.shape[-2], observed.shape[-1])
    steps = enumerate(displacements(motion, size, leads[-1]), start=1)
    backs = (back for step, back in steps if step in leads)
    both = torch.cat([newest * observed, observed], dim=1)
    room: Tensor | None = None
    for frame, displacement in zip(frames, backs, strict=True):
        back = resized(displacement, size)
        if room is None and not torch.is_grad_enabled():
            room = torch.empty_like(frame)
        brought = sampled(frame, back, beyond="border", out=room)
        moved, known = _read(both, newest.shape[1], back)
        yield _with_beyond(brought, frame, back), moved, known


def displacements(motion: Tensor, size: tuple[int, int], horizon: int) -> Iterator[Tensor]:
    """From each place back to where the flow into it began 1, 2, … `horizon` steps ago; `(b 2 h' w')`, in pixels of a
    field of that size.

    Each step back is the motion at its own middle, which is looked for a few times. The motion beyond the field is that
    of its border.
    """
    side = pixel_sides((motion.shape[-2], motion.shape[-1]), size, motion)
    back, step = torch.zeros_like(motion), motion
    for _ in range(horizon):
        for _ in range(MIDPOINTS):
            step = sampled(motion, (back - step / 2) / side, beyond="border")
        back = back - step
        yield back


def _with_beyond(brought: Tensor, field: Tensor, back: Tensor) -> Tensor:
    """What was brought, but smooth where it comes from beyond the field: a border that is drawn out makes streaks.

    Means of the field in squares of `BORDER` pixels: those along its border lie beyond, and farther out that of all.
    """
    size = (brought.shape[-2], brought.shape[-1])
    outside = _outside(back)
    if not bool(outside.any()):
        return brought
    few = (-(-size[0] // BORDER), -(-size[1] // BORDER))
    means = F.adaptive_avg_pool2d(field, few)
    side = pixel_sides(few, size, back)
    smooth = sampled(means, resized(back, few) / side, beyond="border")
    everywhere = means.mean((-2, -1))
    sides = back.new_tensor([size[1], size[0]])
    for b in range(len(brought)):
        places = outside[b, 0].flatten().nonzero()[:, 0]
        xy = torch.stack([places % size[1], places // size[1]], dim=1).to(back.dtype)
        grid = ((2 * xy + 1) / sides - 1).view(1, 1, -1, 2)
        there = F.grid_sample(smooth[b : b + 1], grid, mode="bilinear", padding_mode="border", align_corners=False)
        begun = xy + back[b].flatten(1).index_select(1, places).T
        beyond = torch.maximum(-begun, begun - sides + 1).clamp_min(0).norm(dim=1)
        told = torch.lerp(everywhere[b][:, None], there[0, :, 0], torch.exp(-beyond / FADING))
        brought[b].flatten(1).index_copy_(1, places, told)
    return brought


def _outside(back: Tensor) -> Tensor:
    """Whether what is so far away, `(b 2 h w)`, lies more than half a pixel beyond the field: `(b 1 h w)`."""
    h, w = back.shape[-2:]
    x = torch.arange(w, dtype=back.dtype, device=back.device) + back[:, :1]
    y = torch.arange(h, dtype=back.dtype, device=back.device)[:, None] + back[:, 1:]
    return (x < -0.5) | (x > w - 0.5) | (y < -0.5) | (y > h - 0.5)


def _read(both: Tensor, channels: int, displacement: Tensor) -> tuple[Tensor, Tensor]:
    """Values that many pixels away, each from those of its four pixels that were observed; and where there are any."""
    weighted, share = sampled(both, displacement).tensor_split([channels], dim=1)
    known = share > ENOUGH
    return torch.where(known, weighted / share.clamp_min(ENOUGH), 0), known.to(both.dtype)
