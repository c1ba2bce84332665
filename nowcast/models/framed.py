"""Any network in another frame of reference, and with another output: what moves is held still for it to learn from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from nowcast.errors import InputError
from nowcast.models.advection import aligned, carried, motion
from nowcast.models.base import Forecaster, Lifted
from nowcast.models.exceedance import Exceedance
from nowcast.models.hindcast import busiest, mix, shares

__all__ = ["FRAMES", "Framed"]

NEWEST = 3
"""Context frames that tell the motion."""

FRAMES = {
    "still": "the grid's own: what moves is seen to move",
    "lagrangian": "that of the motion: what moves is held still, and carried along afterwards",
}


class Framed(Forecaster):
    """A network around which its frames are lifted into channels of chances, and what moves is held still.

    In the Lagrangian frame the context frames are carried along with their motion to the time of the newest one, the
    network tells what changes beside that, and its answer is carried on to each lead time (Germann & Zawadzki 2002,
    doi:10.1175/1520-0493(2002)130<2859:SDOTPO>2.0.CO;2; with a network: Ritvanen et al. 2023,
    doi:10.1109/JSTARS.2023.3238016). Any forecaster can be the network: it is one of as many channels as are told.

    Parameters
    ----------
    inner
        The network, masked, of `channels`, or of `channels * exceedance.share`.
    channels, masked
        As every forecaster.
    frame
        One of `FRAMES`.
    exceedance
        Chances that are told beside the mean; None: the mean alone.

    Raises
    ------
    InputError
        A frame that is not known, or an inner network of other channels.
    """

    def __init__(
        self,
        inner: Forecaster,
        *,
        channels: int = 1,
        masked: bool = False,
        frame: str = "still",
        exceedance: Exceedance | None = None,
    ) -> None:
        super().__init__(channels=channels, masked=masked)
        if frame not in FRAMES:
            raise InputError(f"frame {frame!r} is not known", needed="one of " + ", ".join(FRAMES))
        wanted = channels * (1 if exceedance is None else exceedance.share)
        if inner.channels != wanted or not inner.masked:
            raise InputError("the network inside does not fit", found=str(inner.channels), needed=f"{wanted}, masked")
        self.inner = inner
        self.frame = frame
        self.exceedance = exceedance
        self.multiple, self.tile = inner.multiple, inner.tile
        self.looks_back, self.leads_apart = inner.looks_back, inner.leads_apart
        self.thresholds = () if exceedance is None else exceedance.thresholds

    @property
    def low_memory(self) -> bool:
        """That of the network inside."""
        return self.inner.low_memory

    @low_memory.setter
    def low_memory(self, wanted: bool) -> None:
        self.inner.low_memory = wanted

    def forward(self, context: Tensor, horizon: int) -> Tensor:
        return self.expected(self.lifted(context, range(1, horizon + 1)).values)

    def lift(self, frames: Tensor) -> Tensor:
        return frames if self.exceedance is None else self.exceedance.lift(frames)

    def stakes(self, context: Tensor) -> Tensor | None:
        if self.exceedance is None:
            return None
        value, observed = self.parted(context[:, -1:])
        return self.exceedance.stakes(value, observed)

    def expected(self, values: Tensor) -> Tensor:
        return values if self.exceedance is None else self.exceedance.expected(values)

    def chances(self, values: Tensor, *, out: Tensor | None = None) -> Tensor | None:
        return None if self.exceedance is None else self.exceedance.chances(values, out=out)

    def lifted_by_lead(self, context: Tensor, leads: Sequence[int]) -> Iterator[Lifted]:
        value, observed = self.parted(context)
        share = self._share(value, observed)
        for lead, (frame, moved, known) in zip(leads, self._brought(value, observed, leads), strict=True):
            told = self._settled(frame, moved, known, share, lead)[:, None]
            yield Lifted(told, None if self.frame == "still" else known.amax(1, keepdim=True)[:, None])

    def _brought(
        self, value: Tensor, observed: Tensor, leads: Sequence[int]
    ) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """What is told of each lead time, and the newest frame, at the places that they are brought to; and where
        that was observed.
        """
        if self.inner.looks_back is not None:
            looked_at = max(NEWEST, self.inner.looks_back)
            value, observed = value[:, -looked_at:], observed[:, -looked_at:]
        newest, seen = value[:, -1], observed[:, -1]
        if self.frame == "still":
            yield from ((frame, newest, seen) for frame in self._within(value, observed, leads))
            return
        moving = motion(value[:, -NEWEST:], observed[:, -NEWEST:])
        answers = self._within(*aligned(value, observed, moving), leads)
        yield from carried(answers, newest, seen, moving, leads)

    def _within(self, value: Tensor, observed: Tensor, leads: Sequence[int]) -> Iterator[Tensor]:
        """What the network answers to lifted frames, lead time by lead time."""
        if self.exceedance is not None:
            several = observed.shape[2] > 1
            observed = observed.repeat(1, 1, self.exceedance.share, 1, 1) if several else observed
            value = self.lift(value).mul_(observed)
        return self.inner.by_lead(value, observed, leads)

    def _share(self, value: Tensor, observed: Tensor) -> Tensor | None:
        """What share of the newest frame is mixed into a forecast, by how it would have been told from those before.

        None: it is not. Only where one lead time costs little beside all, and there are frames to tell the newest from.
        """
        if self.training or self.exceedance is None or not self.inner.leads_apart or value.shape[1] < NEWEST:
            return None
        pieces = [busiest(one[-1], seen[-1], self.exceedance) for one, seen in zip(value, observed, strict=True)]
        value, observed = (
            torch.stack([each[..., y, x] for each, (y, x) in zip(every, pieces, strict=True)])
            for every in (value, observed)
        )
        ((told, moved, known),) = self._brought(value[:, :-1], observed[:, :-1], [1])
        seen = observed[:, -1] * known
        return shares(told, moved, value[:, -1], seen, self.exceedance)

    def _settled(self, frame: Tensor, moved: Tensor, known: Tensor, share: Tensor | None, lead: int) -> Tensor:
        """What a forecast tells; what networks give may be shared by lead times, and is not written over."""
        exceedance = self.exceedance
        if exceedance is None or self.training or (share is None and exceedance.slopes is None):
            return frame
        frame = frame.clone() if self.frame == "still" else frame
        if share is not None:
            frame = mix(frame, moved, known, share, exceedance, lead)
        return exceedance.calibrated(frame, lead)
