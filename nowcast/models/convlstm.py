"""ConvLSTM encoder-forecaster (Shi et al., 2015, arXiv:1506.04214)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from nowcast.errors import InputError
from nowcast.models.recurrent import RecurrentForecaster

__all__ = ["ConvLSTM", "ConvLSTMCell"]

NEWEST_SHARE = 2.0
"""Before training the newest frame has a share of sigmoid(2) = 0.88 in what is given out."""

CellState = tuple[Tensor, Tensor]


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
        self.hidden = hidden
        self.gates = nn.Conv2d(inputs + hidden, 4 * hidden, kernel, padding=kernel // 2)
        with torch.no_grad():
            self.gates.bias.zero_()  # type: ignore[union-attr]
            self.gates.bias[hidden : 2 * hidden] = 1.0  # type: ignore[index]

    def forward(self, frame: Tensor | None, state: CellState) -> CellState:
        """`(b inputs h w)` or None, and `(hidden, cell)` of `(b hidden h w)` each, to the next `(hidden, cell)`."""
        hidden, cell = state
        gates = self.gates(hidden if frame is None else torch.cat((frame, hidden), dim=1))
        i, f, o, g = gates.chunk(4, dim=1)
        cell = torch.sigmoid(f) * cell + torch.sigmoid(i) * torch.tanh(g)
        return torch.sigmoid(o) * torch.tanh(cell), cell


class ConvLSTM(RecurrentForecaster):
    """Stacked ConvLSTM layers read the context; a second stack, started from their states, unrolls the horizon.

    The hidden states of all layers of the second stack, concatenated, become a frame by a 1x1 convolution (figure 3 of
    the paper). The second stack sees no frames: its bottom layer is driven by its state alone.

    Parameters
    ----------
    hidden
        Channels of each layer, from the bottom to the top.
    kernel
        Odd side of the convolutions.
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
    ) -> None:
        super().__init__(channels=channels, masked=masked, patch=patch, blend=blend)
        if kernel % 2 == 0:
            raise InputError("the side of a convolution must be odd", found=f"kernel {kernel}")
        self.hidden = tuple(hidden)
        inputs = [self.context_channels * patch**2, *hidden[:-1]]
        self.encoder = nn.ModuleList(
            ConvLSTMCell(below, own, kernel) for below, own in zip(inputs, hidden, strict=True)
        )
        self.forecaster = nn.ModuleList(
            ConvLSTMCell(below, own, kernel) for below, own in zip([0, *hidden[:-1]], hidden, strict=True)
        )
        self.output = nn.Conv2d(sum(hidden), self.folded_channels, 1)
        if blend:
            with torch.no_grad():
                self.output.weight.zero_()
                self.output.bias.zero_()  # type: ignore[union-attr]
                self.output.bias[self.folded_channels // 2 :] = NEWEST_SHARE  # type: ignore[index]

    def begin(self, frame: Tensor) -> list[CellState]:
        zeros = [frame.new_zeros(len(frame), hidden, *frame.shape[-2:]) for hidden in self.hidden]
        return [(zero, zero) for zero in zeros]

    def absorb(self, frame: Tensor, state: list[CellState]) -> list[CellState]:
        return _through(self.encoder, frame, state)

    def emit(self, previous: Tensor, state: list[CellState]) -> tuple[Tensor, list[CellState]]:
        state = _through(self.forecaster, None, state)
        return self.output(torch.cat([hidden for hidden, _ in state], dim=1)), state


def _through(cells: nn.ModuleList, frame: Tensor | None, state: list[CellState]) -> list[CellState]:
    after: list[CellState] = []
    for cell, before in zip(cells, state, strict=True):
        after.append(cell(frame, before))
        frame = after[-1][0]
    return after
