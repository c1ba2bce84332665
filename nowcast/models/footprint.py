"""How much memory a network's work will take, told from trials that are small enough for any machine."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

__all__ = ["Footprint", "footprint"]

SQUARES = 8
"""Side of the smaller trial field, in the squares of pixels that a network takes together at its coarsest."""

FRAMES = (3, 2), (5, 2), (3, 4)
"""Context and horizon of the trials: what each frame adds is the difference."""

Trial = Callable[[tuple[int, int], int, int], Tensor]
"""Work on one sample of `(height, width)`, with so many frames of context and horizon, up to what it ends in."""


@dataclass(frozen=True)
class Footprint:
    """Bytes held at once: `fixed + pixels * (base + context * each_in + horizon * each_out)`, pixels of all samples.

    So grows the memory of a network that goes frame by frame.
    """

    fixed: float
    base: float
    each_in: float
    each_out: float

    def bytes(self, *, pixels: int, context: int, horizon: int) -> int:
        return round(self.fixed + pixels * self._each(context, horizon))

    def most(self, limit: float, *, context: int, horizon: int) -> int:
        """Pixels that stay within so many bytes."""
        return max(0, int((limit - self.fixed) / self._each(context, horizon)))

    def _each(self, context: int, horizon: int) -> float:
        return self.base + context * self.each_in + horizon * self.each_out


def footprint(trial: Trial, *, multiple: int, least: int = 1) -> Footprint:
    """Of the tensors that a trial makes, and of its way back if it has one; a little too large rather than too small.

    Parameters
    ----------
    multiple
        Of the network: the trials' sides are multiples of it, so that nothing is padded.
    least
        The trials' sides are no less.
    """
    side = SQUARES * multiple * -(-least // (SQUARES * multiple))
    pixels, first = side * side, FRAMES[0]
    one, more_in, more_out = (_held(trial, (side, side), *frames) for frames in FRAMES)
    twice = _held(trial, (side, 2 * side), *first)
    each_in = (more_in.kept - one.kept) / pixels / (FRAMES[1][0] - first[0])
    each_out = (more_out.kept - one.kept) / pixels / (FRAMES[2][1] - first[1])
    # What comes beside that is, in so small a trial, mostly of weights; it is added up, and grows if it did so here.
    beside = [(one.forward - one.kept, twice.forward - twice.kept), (one.back, twice.back)]
    grown = sum(max(0, more - less) for less, more in beside)
    each = (twice.kept - one.kept + grown) / pixels
    fixed = 2 * one.kept - twice.kept + max(max(0, less - max(0, more - less)) for less, more in beside)
    return Footprint(fixed, each - first[0] * each_in - first[1] * each_out, each_in, each_out)


@dataclass(frozen=True)
class _Bytes:
    """Kept at the end of the way forward; the peak until then; the peak on the way back, beyond what was kept."""

    kept: int
    forward: int
    back: int


def _held(trial: Trial, size: tuple[int, int], context: int, horizon: int) -> _Bytes:
    with _Held() as held:
        answer = trial(size, context, horizon)
        kept, forward = held.now, held.most
        if answer.requires_grad:
            answer.backward()  # type: ignore[no-untyped-call]
    return _Bytes(kept, forward, max(0, held.most - kept))


class _Held(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the memory of what operations give for as long as it is held."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.now = self.most = 0
        self._counted: dict[int, weakref.ref[torch.UntypedStorage]] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = func(*args, **(kwargs or {}))
        for part in given if isinstance(given, tuple | list) else (given,):
            if isinstance(part, Tensor):
                self._count(part.untyped_storage())
        return given

    def _count(self, storage: torch.UntypedStorage) -> None:
        key = storage._cdata
        if key in self._counted:
            return
        size = storage.nbytes()
        self.now += size
        self.most = max(self.most, self.now)

        def gone(_: object) -> None:
            del self._counted[key]
            self.now -= size

        self._counted[key] = weakref.ref(storage, gone)
