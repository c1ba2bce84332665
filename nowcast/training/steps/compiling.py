"""A recurrent network unrolled over a batch as one compiled program, which has a GPU launch fewer kernels."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from nowcast.errors import InputError
from nowcast.models import Forecaster, Lifted, RecurrentForecaster
from nowcast.models.recurrent import Teaching, Unrolled

__all__ = ["Compiled"]


class Compiled:
    """Answers as the forecaster that it is made of, whose weights are kept channels last from then on.

    It is compiled once, for the batches that are like the first. What would have to be compiled anew is worked out as
    without it: smaller batches at an epoch's end, and steps that are shown some of the truth, each with a chance of its
    own.

    Parameters
    ----------
    backend
        Of `torch.compile`.

    Raises
    ------
    InputError
        A forecaster that is not recurrent: others look at other lead times with each step.
    """

    def __init__(self, forecaster: Forecaster, *, backend: str = "inductor") -> None:
        if not isinstance(forecaster, RecurrentForecaster):
            raise InputError(
                "only a recurrent network is compiled",
                found=type(forecaster).__name__,
                next_step="leave out training.compiled, or take --model convlstm, predrnn, predrnn++ or multiscale",
            )
        self.forecaster = forecaster
        for weight in forecaster.parameters():
            if weight.dim() == 4:
                weight.data = weight.data.contiguous(memory_format=torch.channels_last)
        self._made = torch.compile(self._unrolled, backend=backend, dynamic=False)
        self._like: tuple[torch.Size, int] | None = None

    def unroll(self, context: Tensor, horizon: int, teaching: Teaching | None = None) -> Unrolled:
        if self._like is None:
            self._like = context.shape, horizon
        shown = teaching is not None and (teaching.scheduled, teaching.reverse) != (0.0, 1.0)
        if shown or (context.shape, horizon) != self._like:
            return self.forecaster.unroll(context, horizon, teaching)
        return Unrolled(*self._made(context, horizon, None if teaching is None else (teaching.truth, teaching.weight)))

    def lifted(self, context: Tensor, leads: Sequence[int]) -> Lifted:
        frames = self.unroll(context, leads[-1]).frames
        return Lifted(frames if len(leads) == leads[-1] else frames[:, [lead - 1 for lead in leads]])

    def _unrolled(
        self, context: Tensor, horizon: int, judged: tuple[Tensor, Tensor] | None
    ) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """The parts of `Unrolled`. `judged`: truth and its weight, where what it makes of the context counts too."""
        lesson = None if judged is None else Teaching(*judged, scheduled=0.0, reverse=1.0)
        made = self.forecaster.unroll(context, horizon, lesson)
        return made.frames, made.seen, made.apart
