"""PredRNN (Wang et al., NeurIPS 2017; arXiv:2103.09504): a second memory that runs zigzag through layers and time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nowcast.models.recurrent.gates import remember
from nowcast.models.recurrent.loop import Kernels, RecurrentForecaster, stacked, start_near_persistence
from nowcast.models.recurrent.sequence_convolution import Field, SequenceConv2d

__all__ = ["PredRNN", "STLSTMCell"]


class Layer(NamedTuple):
    """A layer's hidden and cell state, `(b hidden h w)`; None for zeros."""

    hidden: Field | None
    cell: Tensor | None


class State(NamedTuple):
    """Of all layers; `memory` is the spatiotemporal one, `apart` the sum of the layers' decoupling terms."""

    layers: tuple[Layer, ...]
    memory: Field | None
    apart: Tensor | None
    steps: int


class STLSTMCell(nn.Module):
    """One layer, one step of the spatiotemporal LSTM: two memories, one output (section 3.2 of arXiv:2103.09504).

    `c` goes from step to step within a layer; `m` from layer to layer, and from the top to the bottom of the next step.
    Convolutions that are added up are one convolution of fields side by side, and have no bias, as published.

    Parameters
    ----------
    inputs
        Channels of the input.
    hidden
        Channels of the hidden state and of both memories.
    kernel
        Odd side of the convolutions.
    """

    def __init__(self, inputs: int, hidden: int, kernel: int) -> None:
        super().__init__()
        self.hidden = hidden
        self.gates = SequenceConv2d([inputs, hidden], 4 * hidden, kernel, bias=False)
        self.memory_gates = SequenceConv2d([inputs, hidden], 3 * hidden, kernel, bias=False)
        self.output_gate = SequenceConv2d([hidden, hidden], hidden, kernel, bias=False)
        self.together = nn.Conv2d(2 * hidden, hidden, 1, bias=False)

    def forward(
        self, frame: Field, layer: Layer, memory: Field | None, kernels: Kernels
    ) -> tuple[Layer, Field, tuple[Tensor, Tensor]]:
        """To the next state, the next memory, and what each memory took in, `i * g` of both."""
        opened, output = torch.split(kernels[self.gates]([frame, layer.hidden]), [3 * self.hidden, self.hidden], dim=1)
        cell, to_cell = remember(opened, layer.cell)
        opened = kernels[self.memory_gates]([frame, memory])
        after, to_memory = remember(opened, None if memory is None else memory.values)
        above = Field(after)
        output = torch.sigmoid(output + kernels[self.output_gate]([Field(cell), above]))
        hidden = output * torch.tanh(self.together(torch.cat((cell, after), dim=1)))
        return Layer(Field(hidden), cell), above, (to_cell, to_memory)


class PredRNN(RecurrentForecaster):
    """Stacked ST-LSTM layers that are fed their own frames.

    With `decoupling` it is PredRNN-V2: what the two memories of a layer take in is kept apart by a term beside the
    loss, the mean absolute cosine between them (arXiv:2103.09504, section 3.4; its published weight is 0.1).

    The published size for Moving MNIST is that of `hidden=(128, 128, 128, 128), kernel=5, patch=4, blend=False`: 23.8 M
    weights, 116 GMACs for 10 -> 10 frames of 64 x 64; V2 has one more 1x1 convolution, 23.9 M. Its layer normalisation,
    off in the benchmark's settings, is left out.

    Parameters
    ----------
    hidden
        Channels of each layer; the memory runs through all, so they are equal.
    kernel
        Odd side of the convolutions.
    decoupling
        Weight of the decoupling term in training; 0: none.
    """

    fed_back = True

    def __init__(
        self,
        *,
        channels: int = 1,
        masked: bool = False,
        hidden: Sequence[int] = (48, 48),
        kernel: int = 3,
        patch: int = 4,
        blend: bool = True,
        decoupling: float = 0.0,
    ) -> None:
        super().__init__(channels=channels, masked=masked, patch=patch, blend=blend)
        self.decoupling = decoupling
        self.layers = stacked(STLSTMCell, self.context_channels * patch**2, hidden, kernel)
        self.adapter = nn.Conv2d(hidden[0], hidden[0], 1, bias=False) if decoupling else None
        self.output = nn.Conv2d(hidden[-1], self.folded_channels, 1)
        if blend:
            start_near_persistence(self.output)

    def begin(self, frame: Tensor) -> State:
        return State(tuple(Layer(None, None) for _ in self.layers), None, None, 0)

    def absorb(self, frame: Tensor, state: State, kernels: Kernels) -> State:
        field, memory, apart = Field(frame), state.memory, state.apart
        layers = []
        for cell, before in zip(self.layers, state.layers, strict=True):
            layer, memory, taken = cell(field, before, memory, kernels)
            layers.append(layer)
            field = layer.hidden
            if self.adapter is not None and self.training:
                with torch.autocast(frame.device.type, enabled=False):  # of a loss
                    term = _alike(*(self.adapter(part).flatten(2) for part in taken))
                apart = term if apart is None else apart + term
        return State(tuple(layers), memory, apart, state.steps + 1)

    def emit(self, state: State, kernels: Kernels) -> tuple[Tensor, State]:
        top = state.layers[-1].hidden
        assert top is not None  # noqa: S101
        return self.output(top.values), state

    def apart(self, state: State) -> Tensor | None:
        if state.apart is None:
            return None
        return self.decoupling * state.apart / (state.steps * len(self.layers))


def _alike(one: Tensor, other: Tensor) -> Tensor:
    """Mean absolute cosine of `(b c n)` along `n`."""
    return F.cosine_similarity(one, other, dim=2).abs().mean()
