"""What every forecaster is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

__all__ = ["Forecaster", "Lifted", "last_observed"]


class Lifted(NamedTuple):
    """All that a forecaster tells of each pixel, in the space that it learns in.

    `values (b horizon l h w)`, with the `l` channels of `Forecaster.lift`; `known (b horizon 1 h w)` is 1 where it had
    something to tell from and 0 where it did not, or None: it had everywhere.
    """

    values: Tensor
    known: Tensor | None = None


class Forecaster(nn.Module, ABC):
    """Context frames in, the horizon's frames out.

    Parameters
    ----------
    channels
        Channels of the field, `c`.
    masked
        Whether the context carries, behind its `c` channels, `c` more that tell which pixels were observed (1) or
        missing (0); missing pixels of the field are 0 then.
    """

    multiple = 1
    """Side of the squares of pixels that the model takes together at its coarsest: pieces of a field that start at
    multiples of it are seen as the whole field is."""

    tile = 1024
    """Side in pixels of the largest piece of a field that it is asked for at once in a forecast."""

    looks_back: int | None = None
    """How many of the newest context frames it looks at; None: all."""

    leads_apart = False
    """Whether each lead time is told by itself: a training step may then look at some of them alone."""

    low_memory = False
    """Whether each step of a network that goes step by step is worked out again on the way back, so that little of it
    need be remembered."""

    def __init__(self, *, channels: int = 1, masked: bool = False) -> None:
        super().__init__()
        self.channels = channels
        self.masked = masked

    @property
    def context_channels(self) -> int:
        """Channels of a context frame: the field's, and as many again if masked."""
        return self.channels * (2 if self.masked else 1)

    def parted(self, context: Tensor) -> tuple[Tensor, Tensor]:
        """A context's values `(b t c h w)`, 0 where they are missing, and 1 where they were observed."""
        value = context[:, :, : self.channels]
        if not self.masked:
            return value, torch.ones_like(value)
        observed = context[:, :, self.channels :]
        return torch.where(observed > 0, value, 0), observed

    @abstractmethod
    def forward(self, context: Tensor, horizon: int) -> Tensor:
        """`(b t c h w)`, or `(b t 2c h w)` if masked, to `(b horizon c h w)`; scaled values, any `h` and `w`."""

    thresholds: tuple[float, ...] = ()
    """Scaled values that it tells each pixel's chances to reach."""

    def lift(self, frames: Tensor) -> Tensor:
        """Frames `(b t c h w)` as they are learnt: here, themselves."""
        return frames

    def by_lead(self, value: Tensor, observed: Tensor, leads: Sequence[int]) -> Iterator[Tensor]:
        """As `forward`, for some lead times, counted from 1 and rising, one after the other: `(b c h w)` each.

        Where nothing is learnt, what was given may be written over when the next is asked for.

        Parameters
        ----------
        value
            `(b t c h w)`, 0 where missing.
        observed
            1 where observed, else 0: as `value`, or `(b t 1 h w)`.
        """
        context = torch.cat([value, observed.expand_as(value)], dim=2) if self.masked else value
        answer: Tensor = self(context, leads[-1])
        yield from (answer[:, lead - 1] for lead in leads)

    def lifted(self, context: Tensor, leads: Sequence[int]) -> Lifted:
        """All that it tells of some lead times: what training compares with `lift` of the truth."""
        keep = torch.is_grad_enabled()
        told = [
            each if keep else Lifted(each.values.clone(), each.known) for each in self.lifted_by_lead(context, leads)
        ]
        known = [each.known for each in told if each.known is not None]
        return Lifted(torch.cat([each.values for each in told], 1), torch.cat(known, 1) if known else None)

    def lifted_by_lead(self, context: Tensor, leads: Sequence[int]) -> Iterator[Lifted]:
        """As `lifted`, one lead time after the other, each with a horizon of 1: a forecast need not hold all at once.

        Where nothing is learnt, what was given may be written over when the next is asked for.
        """
        answer: Tensor = self(context, leads[-1])
        yield from (Lifted(answer[:, lead - 1 : lead]) for lead in leads)

    def stakes(self, context: Tensor) -> Tensor | None:
        """What each channel of `lift` is multiplied by, window by window, before it is compared: `(b 1 l 1 1)`.

        None: all count as they are.
        """
        return None

    def expected(self, values: Tensor) -> Tensor:
        """The mean, `(b t c h w)`, in what `lifted` gave: here, all of it."""
        return values

    def chances(self, values: Tensor, *, out: Tensor | None = None) -> Tensor | None:
        """Chances to reach the `k` thresholds, `(b t k c h w)`, in what `lifted` gave; None where there are none.

        They are written to `out`, if it is given.
        """
        return None


def last_observed(context: Tensor, channels: int) -> Tensor:
    """The newest observed value of each pixel, 0 where none was; `(b t c|2c h w)` to `(b c h w)`."""
    if context.shape[2] == channels:
        return context[:, -1]
    value, observed = context[:, :, :channels], context[:, :, channels:]
    newest = value[:, 0]
    for t in range(1, context.shape[1]):
        newest = torch.where(observed[:, t] > 0, value[:, t], newest)
    return newest
