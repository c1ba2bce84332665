"""ConvLSTM (Shi et al., 2015, arXiv:1506.04214): an encoder-forecaster, or one stack that is fed its own frames."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

from nowcast.models.recurrent.gates import lstm
from nowcast.models.recurrent.loop import Kernels, RecurrentForecaster, start_near_persistence
from nowcast.models.recurrent.sequence_convolution import Convolve, Field, SequenceConv2d

__all__ = ["ConvLSTM", "ConvLSTMCell"]

CellState = tuple[Field | None, Tensor | None]
"""Hidden and cell state, `(b hidden h w)` each; None for zeros."""


class ConvLSTMCell(nn.Module):
    """One layer, one step: gates by convolutions of the input and of the hidden state (equation 3 of the paper).

    The paper's peephole terms `W_c * C` tie the weights to one size of field; they are left out, so that a model
    trained on patches runs on whole fields.

    Parameters
    ----------
    inputs
        Channels of the input; 0 for a layer that is driven by its state alone.
    hidden
        Channels of the hidden and the cell state.
    kernel
        Odd side of the convolutions.
    """

    def __init__(self, inputs: int, hidden: int, kernel: int) -> None:
        super().__init__()
        self.gates = SequenceConv2d([inputs, hidden] if inputs else [hidden], 4 * hidden, kernel)
        with torch.no_grad():
            self.gates.bias.zero_()  # type: ignore[union-attr]
            self.gates.bias[hidden : 2 * hidden] = 1.0  # type: ignore[index]

    def forward(self, frame: Field | None, state: CellState, convolve: Convolve) -> tuple[Field, Tensor]:
        """`(b inputs h w)`, or None for a layer without input, and `(hidden, cell)` to the next `(hidden, cell)`.

        `convolve` is `self.gates.for_sequence(...)`.
        """
        hidden, cell = state
        above, after = lstm(convolve([hidden] if frame is None else [frame, hidden]), cell)
        return Field(above), after


class ConvLSTM(RecurrentForecaster):
    """Stacked ConvLSTM layers read the context; a second stack, started from their states, unrolls the horizon.

    The hidden states of all layers of the second stack, concatenated, become a frame by a 1x1 convolution (figure 3 of
    the paper). The second stack sees no frames: its bottom layer is driven by its state alone.

    With `fed_back` there is one stack, whose top layer's hidden state becomes a frame, which it then takes in: the
    ConvLSTM of the video-prediction benchmarks (OpenSTL's, from PredRNN's code). Its published size for Moving MNIST is
    that of `hidden=(128, 128, 128, 128), kernel=5, patch=4, blend=False`: 11.7 M weights that receive a gradient, and
    56.8 GMACs for 10 -> 10 frames of 64 x 64; beside them it has a bias per gate, and not the 3.3 M weights of their
    code that nothing uses.

    Parameters
    ----------
    hidden
        Channels of each layer, from the bottom to the top.
    kernel
        Odd side of the convolutions.
    fed_back
        Whether one stack takes in the frames that it gives out.
    """

    def __init__(
        self,
        *,
        channels: int = 1,
        masked: bool = False,
        hidden: Sequence[int] = (48, 48),
        kernel: int = 3,
        patch: int = 4,
        blend: bool = True,
        fed_back: bool = False,
    ) -> None:
        super().__init__(channels=channels, masked=masked, patch=patch, blend=blend)
        self.hidden = tuple(hidden)
        self.fed_back = fed_back

        def stack(bottom: int) -> nn.ModuleList:
            inputs = [bottom, *hidden[:-1]]
            return nn.ModuleList(ConvLSTMCell(below, own, kernel) for below, own in zip(inputs, hidden, strict=True))

        self.encoder = stack(self.context_channels * patch**2)
        self.forecaster = None if fed_back else stack(0)
        self.output = nn.Conv2d(hidden[-1] if fed_back else sum(hidden), self.folded_channels, 1)
        if blend:
            start_near_persistence(self.output)

    def begin(self, frame: Tensor) -> list[CellState]:
        return [(None, None) for _ in self.hidden]

    def absorb(self, frame: Tensor, state: list[CellState], kernels: Kernels) -> list[CellState]:
        return _through(self.encoder, Field(frame), state, kernels)

    def emit(self, state: list[CellState], kernels: Kernels) -> tuple[Tensor, list[CellState]]:
        if self.forecaster is None:
            return self.output(_hidden(state[-1:])), state
        state = _through(self.forecaster, None, state, kernels)
        return self.output(_hidden(state)), state


def _through(
    cells: Iterable[nn.Module], frame: Field | None, state: list[CellState], kernels: Kernels
) -> list[CellState]:
    after: list[CellState] = []
    for cell, before in zip(cells, state, strict=True):
        hidden, remembered = cell(frame, before, kernels[cell.gates])  # type: ignore[index]
        after.append((hidden, remembered))
        frame = hidden
    return after


def _hidden(state: Sequence[CellState]) -> Tensor:
    return torch.cat([hidden.values for hidden, _ in state if hidden is not None], dim=1)
