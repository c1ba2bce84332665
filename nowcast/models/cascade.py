"""The newest frame at many scales, mixed pixel by pixel: sharp where that can be foretold, smooth where it cannot.

Small features of a moving field live shorter than large ones (scale-dependent predictability; Seed 2003,
doi:10.1175/1520-0450(2003)042<0381:ADASSA>2.0.CO;2; Bowler et al. 2006, doi:10.1256/qj.04.100). So what is to come is
told as a mixture of the newest frame and of its means over 2, 4, 8, … pixels, in shares that a small convolutional
network (Ronneberger et al. 2015, arXiv:1505.04597) sets for each place and lead time, plus a correction of its own.
Most of it is known before training, so little data teaches the rest.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nowcast.models.base import Forecaster

__all__ = ["Cascade"]

FOLD = 4
"""Side in pixels of the squares that the network sees as one."""

RECENT = 3
"""Newest frames of which the mean, too, is mixed in: it has less noise."""

FADING = 0.7
"""How much less, in its logarithm, each coarser scale has of the mixture before training."""

LARGEST = 4.0
"""Logarithm of the largest share of one scale that the network can set against another's."""

FINE = 3
"""Fields that are mixed in at full size: the newest frame, its means over 2 pixels, and the mean of the newest ones."""

NEWEST, AGING = 4.0, 3.0
"""Logarithm of the newest frame's share over each other one's before training, at the first lead time, and how much
less that is with each one of the lead time's logarithm: where all changes from frame to frame. Where less does, the
first is the higher and the second the lower for it."""

STEADIEST = 0.003
"""Change from frame to frame, as a share of how uneven a field is, below which nothing is held to change."""

KEPT = 7.0
"""Before training each channel takes a share of sigmoid(7) = 0.999 of what is fine."""

AROUND = 5
"""Halvings of the squares in which it is told how uneven the newest frame is: 32 pixels."""

TINY = 1e-8

LEAK = 0.1
LEAST_SEEN = 0.05
"""Share of a square that must have been observed for a mean of its own; else the next coarser scale stands in."""


class Cascade(Forecaster):
    """One network for every lead time, any horizon.

    Parameters
    ----------
    hidden
        Channels of the network at 4, 8, 16, … pixels.
    scales
        The newest frame itself and its means over 2, 4, … `2 ** (scales - 1)` pixels.
    frames
        How many of the newest context frames it looks at.
    """

    leads_apart = True
    tile = 1536

    def __init__(
        self,
        *,
        channels: int = 1,
        masked: bool = False,
        hidden: Sequence[int] = (32, 48, 64, 64),
        scales: int = 7,
        frames: int = 4,
    ) -> None:
        super().__init__(channels=channels, masked=masked)
        self.scales, self.recent = scales, frames
        self.looks_back = frames
        self.multiple = FOLD * 2 ** (len(hidden) - 1)
        inputs = frames * (channels + 1) + channels + 1
        below = [inputs, *hidden[:-1]]
        self.down = nn.ModuleList(_Twice(i, o) for i, o in zip(below, hidden, strict=True))
        self.up = nn.ModuleList(_Twice(fine + coarse, fine) for fine, coarse in itertools.pairwise(hidden))
        width = hidden[0]
        self.at_lead = nn.Sequential(nn.Linear(2, 32), nn.Tanh(), nn.Linear(32, 2 * width))
        self.told = nn.Conv2d(width, width, 1)
        self.shares = nn.Conv2d(width, FINE + 1 + channels * (self.scales - 2), 1)
        self.own = nn.Conv2d(width, channels, 1)
        self.usual = nn.Sequential(nn.Linear(2, 32), nn.Tanh(), nn.Linear(32, channels * (self.scales - 2 + FINE)))
        self._begin()

    def _begin(self) -> None:
        usual = self.usual[2].bias.view(self.channels, -1)  # type: ignore[operator]
        with torch.no_grad():
            for small in (self.shares, self.own, self.usual[2]):
                small.weight.mul_(0.1)  # type: ignore[operator]
                small.bias.zero_()  # type: ignore[operator]
            usual[:, :FINE] = KEPT
            usual[:, FINE:] = -FADING * torch.arange(self.scales - 2)

    def forward(self, context: Tensor, horizon: int) -> Tensor:
        keep = torch.is_grad_enabled()
        frames = self.by_lead(*self.parted(context), range(1, horizon + 1))
        return torch.stack([frame if keep else frame.clone() for frame in frames], dim=1)

    def by_lead(self, value: Tensor, observed: Tensor, leads: Sequence[int]) -> Iterator[Tensor]:
        value, observed = self._newest(value, observed)
        pyramid = _pyramid(*_completed(value, observed), self.scales)
        size, cells = (pyramid[0].shape[-2], pyramid[0].shape[-1]), pyramid[2].shape[-2:]
        count = observed[:, -RECENT:].sum(1)
        mean = torch.where(count > 0, value[:, -RECENT:].sum(1) / count.clamp_min(1), pyramid[0])
        fine = [pyramid[0], _resized(pyramid[1], size, 2), mean]
        coarse = torch.stack([_resized(each, cells, 2**k) for k, each in enumerate(pyramid[2:])], dim=2)
        features, apart = self._features(value, observed, pyramid[2])
        uneven = self._uneven(value[:, -1], observed[:, -1], cells)
        steady = -(apart.sum(1, keepdim=True) / uneven.sum(1, keepdim=True)).clamp(STEADIEST, 1).log()
        room = None if torch.is_grad_enabled() else torch.empty_like(mean)
        for lead in leads:
            share, kept, weights, own = self._shares(features, steady, lead)
            mixed = (1 - torch.einsum("bfyx,cf->bcyx", share, kept)) * (weights * coarse).sum(2) + uneven * own
            yield _mixed(mixed, fine, _resized(share, size, FOLD), kept, room)

    def _newest(self, value: Tensor, observed: Tensor) -> tuple[Tensor, Tensor]:
        """The newest frames, as many as it looks at; older ones than there are were not observed."""
        lacking = (0, 0, 0, 0, 0, 0, max(0, self.recent - value.shape[1]), 0)
        return F.pad(value[:, -self.recent :], lacking), F.pad(observed[:, -self.recent :], lacking)

    def _features(self, value: Tensor, observed: Tensor, newest: Tensor) -> tuple[Tensor, Tensor]:
        """What the network makes of the frames, at a quarter of their size; and how far the newest two lie apart."""
        earlier = [
            part
            for t in range(value.shape[1] - 1)
            for part in (_pooled(value[:, t], FOLD), _pooled(observed[:, t, :1], FOLD))
        ]
        both = observed[:, -1] * observed[:, -2]
        apart, share = _pooled((value[:, -1] - value[:, -2]).abs() * both, FOLD), _pooled(both[:, :1], FOLD)
        seen, apart = _pooled(observed[:, -1, :1], FOLD), apart / share.clamp_min(LEAST_SEEN)
        x = torch.asinh(torch.cat([*earlier, apart, share, newest, seen], dim=1))
        skips: list[Tensor] = []
        for level, block in enumerate(self.down):
            x = block(_pooled(x, 2) if level else x)
            skips.append(x)
        for block, skip in reversed([*zip(self.up, skips, strict=False)]):
            x = block(torch.cat([skip, _resized(x, (skip.shape[-2], skip.shape[-1]), 2)], dim=1))
        return x, apart

    def _uneven(self, newest: Tensor, observed: Tensor, cells: torch.Size) -> Tensor:
        """Standard deviation of the newest frame around each place: what the network's own correction is told in.

        So it corrects nothing where nothing is, and as much of light rain as of heavy, in proportion.
        """
        side = 2**AROUND
        share = _pooled(observed, side)
        seen = share.sum((-2, -1), keepdim=True).clamp_min(LEAST_SEEN)
        means = []
        for power in (1, 2):
            total = torch.cat([_pooled(each**power, side) for each in torch.split(newest, 1, dim=1)], dim=1)
            means.append(_filled(total, share, total.sum((-2, -1), keepdim=True) / seen))
        return _resized((means[1] - means[0] ** 2).clamp_min(TINY).sqrt(), cells, side // FOLD)

    def _shares(self, features: Tensor, steady: Tensor, lead: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """What is mixed at a lead time, of which `steady (b 1 h w)` is the logarithm of how little changes.

        Shares of the fine fields at each place `(b fine h w)`, and how much of them each channel takes `(c fine)`; of
        what is left, the shares of the coarse ones `(b c scales-2 h w)`; and the network's own part `(b c h w)`.
        """
        when = features.new_tensor([math.log(lead) / 2, lead / 12])
        scale, shift = self.at_lead(when).view(2, -1)
        weight, bias = self.told.weight.flatten(1), self.told.bias
        told = F.leaky_relu(_linear(features, weight * (1 + scale), weight @ shift + bias), LEAK)
        last = (self.shares, self.own)
        bias = torch.cat([each.bias for each in last])  # type: ignore[misc]
        both = _linear(told, torch.cat([each.weight for each in last]).flatten(1), bias)
        here, own = both.tensor_split([self.shares.out_channels], dim=1)
        here = LARGEST * torch.tanh(here / LARGEST)
        usual = self.usual(when).view(self.channels, -1)
        begun = NEWEST + steady - AGING * math.log(lead) * (1 + steady / math.log(STEADIEST))
        share = torch.cat([here[:, :1] + begun, here[:, 1 : FINE + 1]], dim=1).softmax(dim=1)[:, :FINE]
        weights = here[:, FINE + 1 :].reshape(len(here), self.channels, -1, *here.shape[-2:])
        weights = weights + usual[:, FINE:, None, None]
        return share, usual[:, :FINE].sigmoid(), weights.softmax(dim=2), own


def _linear(fields: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """A convolution of 1 x 1, as a product of matrices: several times as quick on a CPU."""
    made: Tensor = torch.baddbmm(bias[:, None], weight.expand(len(fields), -1, -1), fields.flatten(2))
    return made.view(len(fields), -1, fields.shape[-2], fields.shape[-1])


class _Twice(nn.Sequential):
    """Two convolutions of 3 x 3."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(
            nn.Conv2d(inputs, outputs, 3, padding=1),
            nn.LeakyReLU(LEAK),
            nn.Conv2d(outputs, outputs, 3, padding=1),
            nn.LeakyReLU(LEAK),
        )


def _completed(value: Tensor, observed: Tensor) -> tuple[Tensor, Tensor]:
    """The newest frame and, where it misses pixels, what older ones saw: `(b t c h w)` to `(b c h w)`, both."""
    newest, seen = value[:, -1], observed[:, -1]
    for before in range(value.shape[1] - 2, -1, -1):
        if bool(((seen == 0) & (observed[:, before] > 0)).any()):
            newest = torch.where(seen > 0, newest, value[:, before])
            seen = torch.maximum(seen, observed[:, before])
    return newest, seen


def _mixed(coarse: Tensor, fine: Sequence[Tensor], shares: Tensor, kept: Tensor, room: Tensor | None) -> Tensor:
    """What is coarse, at full size, and of each fine field its share at each place; so much of it each channel keeps.

    Where nothing is learnt, channel by channel, written to `room`: whole fields of all channels are a lot of memory.
    """
    size = (fine[0].shape[-2], fine[0].shape[-1])
    if room is None:
        total = _resized(coarse, size, FOLD)
        for k, field in enumerate(fine):
            total = torch.addcmul(total, field * kept[:, k, None, None], shares[:, k : k + 1])
        return total
    for channel, parts in enumerate(kept.tolist()):
        one = room[:, channel]
        one.copy_(_resized(coarse[:, channel : channel + 1], size, FOLD)[:, 0])
        for k, (field, part) in enumerate(zip(fine, parts, strict=True)):
            one.addcmul_(field[:, channel], shares[:, k], value=part)
    return room


def _pyramid(value: Tensor, observed: Tensor, scales: int) -> list[Tensor]:
    """Means over 1, 2, 4, … pixels of what was observed; where nothing was, those of the next coarser scale.

    `value (b c h w)` is 0 where `observed`, as that or `(b 1 h w)`, is.
    """
    sums, shares = [value], [observed]
    for _ in range(1, scales):
        sums.append(_pooled(sums[-1], 2))
        shares.append(_pooled(shares[-1], 2))
    seen = shares[-1].sum((-2, -1), keepdim=True).clamp_min(LEAST_SEEN)
    means = [_filled(sums[-1], shares[-1], sums[-1].sum((-2, -1), keepdim=True) / seen)]
    for total, share in zip(sums[-2::-1], shares[-2::-1], strict=True):
        size = (total.shape[-2], total.shape[-1])
        mean = torch.empty_like(total)
        for channel in range(total.shape[1]):  # whole fields of all channels are a lot of memory
            one = slice(channel, channel + 1)
            own = share if share.shape[1] == 1 else share[:, one]
            mean[:, one] = _filled(total[:, one], own, _resized(means[0][:, one], size, 2))
        means.insert(0, mean)
    return means


def _filled(total: Tensor, share: Tensor, instead: Tensor) -> Tensor:
    """Means of what was observed, or something else where too little was."""
    return torch.where(share > LEAST_SEEN, total / share.clamp_min(LEAST_SEEN), instead)


def _pooled(fields: Tensor, side: int) -> Tensor:
    """Means of squares; those that reach beyond the field count what lies there as 0."""
    return F.avg_pool2d(fields, side, ceil_mode=True, divisor_override=side * side)


def _resized(fields: Tensor, size: tuple[int, int] | torch.Size, times: int) -> Tensor:
    """Fields `times` as fine, cut to a size."""
    if times == 1:
        return fields
    whole = (fields.shape[-2] * times, fields.shape[-1] * times)
    return F.interpolate(fields, size=whole, mode="bilinear", align_corners=False)[..., : size[0], : size[1]]
