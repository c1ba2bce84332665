"""PredRNN++ (Wang et al., ICML 2018, arXiv:1804.06300): memories in a cascade, and a short way for the gradient."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from nowcast.models.recurrent.gates import remember, wide
from nowcast.models.recurrent.loop import Kernels, RecurrentForecaster, stacked, start_near_persistence
from nowcast.models.recurrent.sequence_convolution import Convolve, Field, SequenceConv2d

__all__ = ["CausalLSTMCell", "GradientHighway", "PredRNNPlusPlus"]


class Layer(NamedTuple):
    """A layer's hidden and cell state, `(b hidden h w)`; None for zeros."""

    hidden: Field | None
    cell: Field | None


class State(NamedTuple):
    """Of all layers; `memory` runs through them, `highway` past them."""

    layers: tuple[Layer, ...]
    memory: Field | None
    highway: Field | None


class CausalLSTMCell(nn.Module):
    """One layer, one step: the second memory's gates see the first memory as it has become (arXiv:1804.06300).

    `c` goes from step to step within a layer; `m` from layer to layer, and from the top to the bottom of the next step.
    The output gate is a tanh, as in the authors' code. Convolutions that are added up are one convolution of fields
    side by side, and have no bias, as published.

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
        self.gates = SequenceConv2d([inputs, hidden, hidden], 3 * hidden, kernel, bias=False)
        self.memory_gates = SequenceConv2d([inputs, hidden, hidden], 2 * hidden, kernel, bias=False)
        self.to_memory = SequenceConv2d([inputs, hidden], hidden, kernel, bias=False)
        self.from_memory = SequenceConv2d([hidden], hidden, kernel, bias=False)
        self.output_gate = SequenceConv2d([inputs, hidden, hidden, hidden], hidden, kernel, bias=False)
        self.together = nn.Conv2d(2 * hidden, hidden, 1, bias=False)

    def forward(self, frame: Field, layer: Layer, memory: Field | None, kernels: Kernels) -> tuple[Layer, Field]:
        """To the next state and the next memory."""
        opened = kernels[self.gates]([frame, layer.hidden, layer.cell])
        cell = Field(remember(opened, None if layer.cell is None else layer.cell.values)[0])
        opened = torch.cat(
            (kernels[self.memory_gates]([frame, memory, cell]), kernels[self.to_memory]([frame, cell])), dim=1
        )
        held = None if memory is None else torch.tanh(wide(kernels[self.from_memory]([memory])))
        above = Field(remember(opened, held)[0])
        output = torch.tanh(kernels[self.output_gate]([frame, layer.hidden, cell, above]))
        shown = torch.tanh(self.together(torch.cat((cell.values, above.values), dim=1)))
        return Layer(Field(output * shown), cell), above


class GradientHighway(nn.Module):
    """`z' = s(u) tanh(p) + (1 - s(u)) z`, with p and u convolutions of the layer below and of `z` (arXiv:1804.06300).

    Parameters
    ----------
    hidden
        Channels of the layer below, and of `z`.
    kernel
        Odd side of the convolutions.
    """

    def __init__(self, hidden: int, kernel: int) -> None:
        super().__init__()
        self.gates = SequenceConv2d([hidden, hidden], 2 * hidden, kernel, bias=False)

    def forward(self, frame: Field, highway: Field | None, convolve: Convolve) -> Field:
        """`convolve` is `self.gates.for_sequence(...)`; `highway` is None for zeros."""
        p, u = wide(convolve([frame, highway])).chunk(2, dim=1)
        p, u = torch.tanh(p), torch.sigmoid(u)
        return Field(u * p if highway is None else torch.lerp(highway.values, p, u))


class PredRNNPlusPlus(RecurrentForecaster):
    """Stacked causal LSTM layers that are fed their own frames, with a gradient highway after the first layer.

    What the highway holds is the second layer's input; where there is one layer only, it is what becomes a frame.

    The published size for Moving MNIST is that of `hidden=(128, 128, 128, 128), kernel=5, patch=4, blend=False`: 38.6 M
    weights, of which 3.3 M are of a convolution that nothing uses and that is left out here, 35.3 M; 171.7 GMACs for
    10 -> 10 frames of 64 x 64, which is 35.3 M at 256 places in 19 steps. Its layer normalisation, off in the
    benchmark's settings, is left out.

    Parameters
    ----------
    hidden
        Channels of each layer; the memory runs through all, so they are equal.
    kernel
        Odd side of the convolutions.
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
    ) -> None:
        super().__init__(channels=channels, masked=masked, patch=patch, blend=blend)
        self.layers = stacked(CausalLSTMCell, self.context_channels * patch**2, hidden, kernel)
        self.highway = GradientHighway(hidden[0], kernel)
        self.output = nn.Conv2d(hidden[-1], self.folded_channels, 1)
        _start_wide(self)
        if blend:
            start_near_persistence(self.output)

    def begin(self, frame: Tensor) -> State:
        return State(tuple(Layer(None, None) for _ in self.layers), None, None)

    def absorb(self, frame: Tensor, state: State, kernels: Kernels) -> State:
        field, memory, highway = Field(frame), state.memory, state.highway
        layers: list[Layer] = []
        for cell, before in zip(self.layers, state.layers, strict=True):
            layer, memory = cell(field, before, memory, kernels)
            field = layer.hidden
            if not layers:
                field = highway = self.highway(field, highway, kernels[self.highway.gates])
            layers.append(layer)
        return State(tuple(layers), memory, highway)

    def emit(self, state: State, kernels: Kernels) -> tuple[Tensor, State]:
        top = state.layers[-1].hidden if len(state.layers) > 1 else state.highway
        assert top is not None  # noqa: S101
        return self.output(top.values), state


def _start_wide(network: nn.Module) -> None:
    """Weights as large as if each field had a convolution of its own, as published.

    A hidden state is a product of two tanh and so shrinks as a square from layer to layer: begun with the smaller
    weights of all fields together, the fourth layer's is 1e-6 at the published size instead of 2e-5.
    """
    for convolution in network.modules():
        if isinstance(convolution, SequenceConv2d):
            for part in torch.split(convolution.weight.detach(), list(convolution.inputs), dim=1):
                bound = part[0].numel() ** -0.5
                nn.init.uniform_(part, -bound, bound)
