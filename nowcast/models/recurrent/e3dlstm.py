"""E3D-LSTM (Wang et al., ICLR 2019, openreview.net/forum?id=B1lKS2AqtX): 3-D convolutions and recall of past states."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nowcast.models.recurrent.gates import wide
from nowcast.models.recurrent.loop import Kernels, RecurrentForecaster, stacked, start_near_persistence
from nowcast.models.recurrent.recall import recall
from nowcast.models.recurrent.sequence_convolution import Convolve, Field, SequenceConv2d

__all__ = ["E3DLSTM", "E3DLSTMCell"]

DEPTH = 2
"""Frames that a state spans, and taps of the kernels along them, as published."""

Slab = tuple[Field, ...]
"""A state `(b c depth h w)`, one field for each place along its depth."""


class Layer(NamedTuple):
    """A layer's hidden and cell state, None for zeros; the cell states that it recalls, oldest first, after so many
    that are zero.
    """

    hidden: Slab | None
    cell: Tensor | None
    past: tuple[Tensor, ...]
    blanks: int


class State(NamedTuple):
    """Of all layers; `memory` runs through them, `frames` are the newest ones that the next is seen with."""

    layers: tuple[Layer, ...]
    memory: Slab | None
    frames: tuple[Tensor, ...]


class E3DLSTMCell(nn.Module):
    """One layer, one step (equations 4 to 7 of the paper, and its authors' code where they say less).

    A 3-D convolution over `depth` places, zero beyond the last, is a 2-D convolution of neighbouring places side by
    side. The normalisation is over channels and places, with a gain and an offset for each channel, so that it does not
    tie the weights to one size of field.

    Two things of a widespread PyTorch version are not copied: that it gives on the memory as it came in, so that it
    stays zero for ever, and that its recall mixes up channels with places.

    Parameters
    ----------
    inputs, hidden
        Channels of the input, and of the states.
    kernel
        Odd side of the convolutions in space.
    """

    def __init__(self, inputs: int, hidden: int, kernel: int) -> None:
        super().__init__()
        own = [hidden] * DEPTH
        self.hidden = hidden
        self.gates = SequenceConv2d([inputs, hidden] * DEPTH, 4 * hidden, kernel, bias=False)
        self.from_frame = SequenceConv2d([inputs] * DEPTH, 3 * hidden, kernel, bias=False)
        self.from_memory = SequenceConv2d(own, 4 * hidden, kernel, bias=False)
        self.output_gate = SequenceConv2d(own + own, hidden, kernel, bias=False)
        self.norm = nn.GroupNorm(1, hidden)
        self.together = nn.Conv2d(2 * hidden, hidden, 1, bias=False)

    def forward(self, frame: Slab, layer: Layer, memory: Slab | None, kernels: Kernels) -> tuple[Layer, Slab]:
        """To the next state and the next memory."""
        opened = _along(kernels[self.gates], frame, layer.hidden or (None,) * DEPTH)
        i, g, r, o = opened.chunk(4, dim=1)
        i, g, r = torch.sigmoid(wide(i)), torch.tanh(wide(g)), torch.sigmoid(r)
        if layer.cell is None:  # the normalisation of zeros
            cell = i * g + self.norm.bias[:, None, None, None]
        else:
            cell = self.norm(layer.cell + recall(r, layer.past, layer.blanks)) + i * g
        taken = wide(_along(kernels[self.from_frame], frame))
        if memory is not None:
            held = wide(_along(kernels[self.from_memory], memory))
            taken = taken + held[:, : 3 * self.hidden]
        i, g, f = taken.chunk(3, dim=1)
        after = torch.sigmoid(i) * torch.tanh(g)
        if memory is not None:
            after = after + torch.sigmoid(f + 1.0) * torch.tanh(held[:, 3 * self.hidden :])
        above, inside = _slab(after), _slab(cell)
        output = torch.sigmoid(torch.tanh(o + _along(kernels[self.output_gate], inside, above)))
        both = torch.cat((cell, after), dim=1)
        shown = F.conv3d(both, self.together.weight[:, :, None])
        return Layer(_slab(output * torch.tanh(shown)), cell, (*layer.past, cell), layer.blanks), above


class E3DLSTM(RecurrentForecaster):
    """Stacked E3D-LSTM layers over a window of the newest two frames, which are fed their own frames.

    The published size for Moving MNIST is that of `hidden=(128, 128, 128, 128), kernel=5, patch=4, blend=False`: 50.8 M
    weights here, 51.0 M published, whose normalisation has a weight for every pixel. Of GMACs there are 364.8 of
    convolutions and 50.7 of recall for 10 -> 10 frames of 64 x 64, and 298.9 published: the paper's convolutions keep
    both places of a state, as here, while the code that was counted works out one and repeats it.

    Parameters
    ----------
    hidden
        Channels of each layer; the memory runs through all, so they are equal.
    kernel
        Odd side of the convolutions in space.
    recalled
        How many past states of a layer are recalled; None: all of the sequence, as published.
    """

    fed_back = True
    tile = 256  # recall's work grows with the square of it

    def __init__(
        self,
        *,
        channels: int = 1,
        masked: bool = False,
        hidden: Sequence[int] = (32, 32),
        kernel: int = 3,
        patch: int = 4,
        blend: bool = True,
        recalled: int | None = None,
    ) -> None:
        super().__init__(channels=channels, masked=masked, patch=patch, blend=blend)
        self.recalled = recalled
        self.layers = stacked(E3DLSTMCell, self.context_channels * patch**2, hidden, kernel)
        self.output = nn.Conv2d(DEPTH * hidden[-1], self.folded_channels, 1)
        if blend:
            start_near_persistence(self.output)

    def begin(self, frame: Tensor) -> State:
        return State(
            tuple(Layer(None, None, (), 1) for _ in self.layers), None, (torch.zeros_like(frame),) * (DEPTH - 1)
        )

    def absorb(self, frame: Tensor, state: State, kernels: Kernels) -> State:
        frames = (*state.frames, frame)
        slab: Slab = tuple(Field(each) for each in frames)
        memory, layers = state.memory, []
        for cell, before in zip(self.layers, state.layers, strict=True):
            layer, memory = cell(slab, before, memory, kernels)
            if self.recalled is not None and len(layer.past) >= self.recalled:
                layer = layer._replace(past=layer.past[-self.recalled :], blanks=0)
            layers.append(layer)
            slab = layer.hidden
        return State(tuple(layers), memory, frames[1:])

    def emit(self, state: State, kernels: Kernels) -> tuple[Tensor, State]:
        top = state.layers[-1].hidden
        assert top is not None  # noqa: S101
        return self.output(torch.cat([field.values for field in top], dim=1)), state


def _along(convolve: Convolve, *slabs: Sequence[Field | None]) -> Tensor:
    """The 3-D convolution of slabs side by side, `(b out depth h w)`; zero after the last place."""
    answers = []
    for place in range(DEPTH):
        taps: list[Field | None] = []
        for there in range(place, place + DEPTH):
            taps += [slab[there] if there < DEPTH else None for slab in slabs]
        answers.append(convolve(taps))
    return torch.stack(answers, dim=2)


def _slab(state: Tensor) -> Slab:
    return tuple(Field(place) for place in state.unbind(2))
