"""A distribution for each pixel: its mean, and its chances to reach thresholds, as channels that any network learns."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from nowcast.errors import InputError

__all__ = ["Exceedance", "to_linear"]

TOLERANCE = 1e-5
"""Of scaled values beside a threshold: what was packed in a file reaches it in spite of rounding."""


class Exceedance(nn.Module):
    """Frames as channels of what is told of each pixel, and back.

    A frame of `c` channels becomes `c` of values and, for each of `k` thresholds, `c` that are 1 where the value
    reaches it and 0 elsewhere. The mean of such a channel is a chance: a network whose squared error with them is small
    makes small the Brier scores (doi:10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2), and so, summed over thresholds,
    the CRPS. Values are brought back from a logarithm first, for the mean that has the least squared error is that of
    the field itself. Each channel is divided by its standard deviation, so that none counts more than another; those of
    the chances together count as much as the mean.

    Parameters
    ----------
    thresholds
        Scaled values, ascending.
    spreads
        Standard deviations over the training part: of the values, brought back, and of each threshold's 0 and 1.
    bend
        Values are scaled by a logarithm: `exp(bend y) - 1` is proportional to the field itself; 0: they are not.

    Raises
    ------
    InputError
        No threshold, thresholds that do not ascend, spreads that are not above 0 or not one more than thresholds.
    """

    def __init__(self, *, thresholds: Sequence[float], spreads: Sequence[float], bend: float = 0.0) -> None:
        super().__init__()
        rising = all(low < high for low, high in zip(thresholds, thresholds[1:], strict=False))
        numbers = [*thresholds, *spreads, bend]
        if not thresholds or not rising or not all(math.isfinite(each) for each in numbers):
            raise InputError("chances need thresholds that ascend", found=str(list(thresholds)))
        if len(spreads) != len(thresholds) + 1 or min(spreads) <= 0 or bend < 0:
            raise InputError(
                "chances need a spread of the values and one of each threshold, all above 0, and a bend of 0 or more",
                found=f"spreads {list(spreads)}, bend {bend}",
            )
        self.thresholds = tuple(float(each) for each in thresholds)
        self.spreads = tuple(float(each) for each in spreads)
        self.bend = float(bend)

    @property
    def share(self) -> int:
        """Channels that each channel of a frame becomes."""
        return 1 + len(self.thresholds)

    def lift(self, frames: Tensor) -> Tensor:
        """`(b t c h w)` to `(b t c(1 + k) h w)`: values first, then threshold by threshold."""
        parts = [to_linear(frames, self.bend) / self.spreads[0]]
        for threshold, spread in zip(self.thresholds, self._units(), strict=True):
            parts.append((frames >= threshold - TOLERANCE).to(frames.dtype) / spread)
        return torch.cat(parts, dim=2)

    def frames(self, values: Tensor) -> Tensor:
        """The mean, scaled: `(b t c(1 + k) h w)` to `(b t c h w)`."""
        mean = values[:, :, : values.shape[2] // self.share] * self.spreads[0]
        if self.bend == 0:
            return mean
        return torch.log1p(mean.clamp_min(0) * math.expm1(self.bend)) / self.bend

    def chances(self, values: Tensor) -> Tensor:
        """From 0 to 1, none above that of a lower threshold: `(b t c(1 + k) h w)` to `(b t k c h w)`."""
        c = values.shape[2] // self.share
        told = values[:, :, c:].unflatten(2, (-1, c))
        units = told.new_tensor(self._units()).view(-1, 1, 1, 1)
        found = [chance.clamp(0, 1) for chance in (told * units).unbind(2)]
        for level in range(1, len(found)):  # torch.cummin is many times slower
            found[level] = torch.minimum(found[level], found[level - 1])
        return torch.stack(found, dim=2)

    def _units(self) -> list[float]:
        """What 0 and 1 of each threshold are divided by."""
        return [spread * math.sqrt(len(self.thresholds)) for spread in self.spreads[1:]]


def to_linear(scaled: Tensor, bend: float) -> Tensor:
    """Scaled values in proportion to the field itself, whose 1 stays 1."""
    return torch.expm1(scaled * bend) / math.expm1(bend) if bend else scaled
