"""The time loop, once: fold pixels into channels, take in the context, give out the horizon, unfold."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from nowcast.errors import InputError
from nowcast.models.base import Forecaster, last_observed
from nowcast.models.recurrent.sequence_convolution import Convolve, Field, Method, SequenceConv2d
from nowcast.models.recurrent.winograd import Scratch

__all__ = ["Kernels", "RecurrentForecaster", "Teaching", "Unrolled", "stacked", "start_near_persistence"]

NEWEST_SHARE = 2.0
"""Before training the newest frame has a share of sigmoid(2) = 0.88 in what is given out."""

State = Any
"""Whatever a network carries from step to step: tensors, fields and None in tuples and lists."""

Kernels = dict[SequenceConv2d, Convolve]
"""The network's convolutions, made ready for one sequence."""


@dataclass(frozen=True)
class Teaching:
    """What a network that is fed its own frames is shown of the truth while it is trained.

    Attributes
    ----------
    truth, weight
        `(b horizon c h w)`; 1 where the truth was observed.
    scheduled
        Chance, for each sample and frame of the horizon, that the truth is fed in place of the network's own frame
        (scheduled sampling, arXiv:1506.03099).
    reverse
        Chance, for each sample and context frame after the first, that it is fed itself; else the network's own frame
        is (reverse scheduled sampling, arXiv:2103.09504).
    generator
        Of the processor, what is drawn from; None: torch's own.
    share
        The place of the first sample among those of a step that several processes take, and how many these are.
    """

    truth: Tensor
    weight: Tensor
    scheduled: float = 0.0
    reverse: float = 1.0
    generator: torch.Generator | None = None
    share: tuple[int, int] | None = None

    def picked(self, chance: float, samples: int) -> Tensor:
        """Which samples, `(b 1 1 1)`, are drawn with that chance: of all that a step has, those that are here."""
        first, every = self.share or (0, samples)
        drawn = torch.rand(max(every, first + samples), 1, 1, 1, generator=self.generator)
        return drawn[first : first + samples] < chance


@dataclass(frozen=True)
class Unrolled:
    """`frames (b horizon c h w)`; for training also `seen (b t-1 c h w)`, what the network made of the context's second
    to last frames before it saw them, and `apart`, a term of the network's own to make small, or None.
    """

    frames: Tensor
    seen: Tensor | None = None
    apart: Tensor | None = None


class RecurrentForecaster(Forecaster):
    """A network that takes in one frame after the other and then gives out one frame after the other.

    Parameters
    ----------
    patch
        Side of the squares of pixels that are folded into channels before the first layer (and unfolded after the
        last), as in Shi et al. (arXiv:1506.04214, section 4.1). Fields of any size are padded to a multiple of it, or
        of `multiple`, where a network coarsens them further.
    blend
        Whether each frame given out is a blend of the newest observed one and of the network's own, in shares that the
        network sets pixel by pixel. It starts near persistence, and keeps at full resolution what folding blurs.

    Attributes
    ----------
    convolution
        How convolutions are worked out: `"auto"` where it is quickest, `"direct"`, `"winograd"`.
    fed_back
        Whether the network takes in the frames that it gives out.
    """

    fed_back: bool = False
    convolution: Method = "auto"

    def __init__(self, *, channels: int, masked: bool, patch: int, blend: bool) -> None:
        super().__init__(channels=channels, masked=masked)
        self.patch = self.multiple = patch
        self.blend = blend

    @property
    def folded_channels(self) -> int:
        """Channels that `emit` gives: a folded frame's, and as many shares if blended."""
        return self.channels * self.patch**2 * (2 if self.blend else 1)

    @abstractmethod
    def begin(self, frame: Tensor) -> State:
        """The state before the first frame; `frame` `(b c' h' w')` tells sizes, type and device."""

    @abstractmethod
    def absorb(self, frame: Tensor, state: State, kernels: Kernels) -> State:
        """Take in one folded frame `(b c' h' w')`."""

    @abstractmethod
    def emit(self, state: State, kernels: Kernels) -> tuple[Tensor, State]:
        """Give out the next folded frame `(b folded_channels h' w')`."""

    def apart(self, state: State) -> Tensor | None:
        """A term to make small beside the loss, from the state after the last frame; None: there is none."""
        return None

    def forward(self, context: Tensor, horizon: int) -> Tensor:
        return self.unroll(context, horizon).frames

    def unroll(self, context: Tensor, horizon: int, teaching: Teaching | None = None) -> Unrolled:
        """As `forward`; with `teaching`, which only a network that is fed back takes, what training needs beside."""
        size = context.shape[-2:]
        frames = self._fold(context)
        newest = self._fold(last_observed(context, self.channels)[:, None])[:, 0]
        truth = None if teaching is None else self._fold(torch.where(teaching.weight > 0, teaching.truth, torch.nan))
        kernels = self._kernels(frames[:, 0])
        state = self.begin(frames[:, 0])
        seen: list[Tensor] = []
        for t in range(frames.shape[1]):
            given = frames[:, t]
            if teaching is not None and seen:
                given = _mixed(given, self._as_context(seen[-1]), teaching.reverse, teaching)
            state = self._step(self.absorb, given, state, kernels)
            if teaching is not None and t + 1 < frames.shape[1]:
                last = last_observed(context[:, : t + 1], self.channels)[:, None]
                frame, state = self._given_out(state, kernels, self._fold(last)[:, 0])
                seen.append(frame)
        answers: list[Tensor] = []
        for n in range(horizon):
            if self.fed_back and n:
                given = answers[-1]
                if teaching is not None and truth is not None and teaching.scheduled > 0:
                    known = torch.where(torch.isfinite(truth[:, n - 1]), truth[:, n - 1], given)
                    given = _mixed(known, given, teaching.scheduled, teaching)
                state = self._step(self.absorb, self._as_context(given), state, kernels)
            frame, state = self._given_out(state, kernels, newest)
            answers.append(frame)
        return Unrolled(
            self._unfold(answers, size), self._unfold(seen, size) if seen else None, apart=self.apart(state)
        )

    def _given_out(self, state: State, kernels: Kernels, newest: Tensor) -> tuple[Tensor, State]:
        frame, state = self.emit(state, kernels) if self.fed_back else self._step(self.emit, None, state, kernels)
        frame = frame.to(newest.dtype)  # autocast's convolutions give half precision
        if self.blend:
            own, share = frame.chunk(2, dim=1)
            frame = torch.lerp(own, newest, torch.sigmoid(share))
        return frame, state

    def _kernels(self, like: Tensor) -> Kernels:
        convolutions = (module for module in self.modules() if isinstance(module, SequenceConv2d))
        scratch = Scratch()
        return {module: module.for_sequence(like, self.convolution, scratch) for module in convolutions}

    def _step(self, step: Callable[..., Any], frame: Tensor | None, state: State, kernels: Kernels) -> Any:
        """A step of the network; if memory is short, only what goes in is remembered, and the step is done again."""
        arguments = (state, kernels) if frame is None else (frame, state, kernels)
        if not (self.low_memory and torch.is_grad_enabled()):
            return step(*arguments)

        def again(*tensors: Tensor) -> Any:
            parts = iter(tensors)
            before = _rebuilt(state, parts)
            return _bare(step(before, kernels) if frame is None else step(next(parts), before, kernels))

        given = [*_tensors(state)] + ([] if frame is None else [frame])
        return _dressed(checkpoint(again, *given, use_reentrant=False))

    def _as_context(self, frame: Tensor) -> Tensor:
        """A folded frame that the network gave out as one that it takes in: nothing of it is missing."""
        return torch.cat((frame, torch.ones_like(frame)), dim=1) if self.masked else frame

    def _fold(self, frames: Tensor) -> Tensor:
        down, right = (-frames.shape[-2] % self.multiple, -frames.shape[-1] % self.multiple)
        if down or right:
            frames = F.pad(frames, (0, right, 0, down))
        return F.pixel_unshuffle(frames, self.patch)

    def _unfold(self, frames: Sequence[Tensor], size: torch.Size) -> Tensor:
        return F.pixel_shuffle(torch.stack(list(frames), dim=1), self.patch)[..., : size[0], : size[1]]


def stacked(
    cell: Callable[[int, int, int], nn.Module], inputs: int, hidden: Sequence[int], kernel: int
) -> nn.ModuleList:
    """Layers that one memory runs through, from the bottom to the top: `cell(inputs, hidden, kernel)` each.

    Raises
    ------
    InputError
        Layers of different widths.
    """
    if len(set(hidden)) > 1:
        raise InputError("the memory runs through all layers", found=f"hidden {tuple(hidden)}", needed="equal widths")
    return nn.ModuleList(cell(below, own, kernel) for below, own in zip([inputs, *hidden[:-1]], hidden, strict=True))


def start_near_persistence(output: nn.Conv2d) -> None:
    """Set the last layer of a network that blends: nothing of its own yet, and much of the newest frame."""
    with torch.no_grad():
        output.weight.zero_()
        output.bias.zero_()  # type: ignore[union-attr]
        output.bias[output.out_channels // 2 :] = NEWEST_SHARE  # type: ignore[index]


class _Bare(tuple):  # type: ignore[type-arg]
    """Stands for a `Field` where only tensors may stand."""


def _tensors(state: State) -> Iterator[Tensor]:
    if isinstance(state, Field):
        yield state.values
    elif isinstance(state, Tensor):
        yield state
    elif isinstance(state, list | tuple):
        for part in state:
            yield from _tensors(part)


def _rebuilt(state: State, tensors: Iterator[Tensor]) -> State:
    """The like of `state` around other tensors."""
    if isinstance(state, Field):
        return Field(next(tensors))
    if isinstance(state, Tensor):
        return next(tensors)
    return _like(state, (_rebuilt(part, tensors) for part in state)) if isinstance(state, list | tuple) else state


def _bare(state: State) -> State:
    """Without what fields have worked out."""
    if isinstance(state, Field):
        return _Bare((state.values,))
    return _like(state, map(_bare, state)) if isinstance(state, list | tuple) else state


def _dressed(state: State) -> State:
    if isinstance(state, _Bare):
        return Field(state[0])
    return _like(state, map(_dressed, state)) if isinstance(state, list | tuple) else state


def _like(state: Any, parts: Iterable[Any]) -> Any:
    """A list, tuple or named tuple of the kind of `state`."""
    return type(state)(*parts) if hasattr(state, "_fields") else type(state)(parts)


def _mixed(one: Tensor, other: Tensor, chance: float, teaching: Teaching) -> Tensor:
    """`one` with that chance for each sample, else `other`."""
    return one if chance >= 1 else torch.where(teaching.picked(chance, len(one)).to(one.device), one, other)
