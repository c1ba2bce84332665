"""Convolutions whose kernel serves every step of a sequence, direct or in the transform's domain."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nowcast.errors import InputError
from nowcast.models.recurrent import winograd

__all__ = ["Convolve", "Field", "Method", "SequenceConv2d"]

Method = Literal["auto", "direct", "winograd"]


class Field:
    """A field `(b c h w)` that several convolutions read: what they share of it is worked out once."""

    def __init__(self, values: Tensor) -> None:
        self.values = values
        self._tiles: dict[tuple[int, int], Tensor] = {}

    def tiles(self, by: winograd.Matrices, scratch: winograd.Scratch) -> Tensor:
        key = (by.outputs, by.taps)
        if key not in self._tiles:
            self._tiles[key] = winograd.to_tiles(self.values, by, scratch)
        return self._tiles[key]


Convolve = Callable[[Sequence[Field | None]], Tensor]
"""Fields side by side to the convolved field `(b out h w)`; one that is None is zero, and costs nothing."""


class SequenceConv2d(nn.Conv2d):
    """A convolution of several fields side by side, of stride 1, that keeps their size.

    Parameters
    ----------
    inputs
        Channels of each field.
    outputs
        Channels given.
    kernel
        Odd side of the kernel.
    bias
        Whether a constant is added to each channel.

    Raises
    ------
    InputError
        A kernel without a middle.
    """

    def __init__(self, inputs: Sequence[int], outputs: int, kernel: int, *, bias: bool = True) -> None:
        if kernel % 2 == 0:
            raise InputError("the side of a convolution must be odd", found=f"kernel {kernel}")
        super().__init__(sum(inputs), outputs, kernel, padding=kernel // 2, bias=bias)
        self.inputs = tuple(inputs)

    def for_sequence(self, like: Tensor, method: Method = "auto", scratch: winograd.Scratch | None = None) -> Convolve:
        """Make the convolution ready for the fields of one sequence; `like` `(b … h w)` tells size, type and device.

        In the transform's domain where that is quicker (`winograd.pays`) or `method` asks for it. Convolutions that are
        not worked out at the same time may share a scratch.
        """
        taps = self.kernel_size[0]
        wanted = method == "winograd" or (
            method == "auto"
            and winograd.pays(self.in_channels, self.out_channels, taps, (len(like), *like.shape[-2:]), like)
        )
        possible = wanted and taps in winograd.TAPS and not torch.is_autocast_enabled(like.device.type)
        return self._transformed(scratch or winograd.Scratch()) if possible else self._direct

    def _direct(self, fields: Sequence[Field | None]) -> Tensor:
        there = [field.values for field in fields if field is not None]
        together = there[0] if len(there) == 1 else torch.cat(there, dim=1)
        return F.conv2d(together, self._weight_of(fields), self.bias, padding=self.padding)

    def _weight_of(self, fields: Sequence[Field | None]) -> Tensor:
        if all(field is not None for field in fields):
            return self.weight
        parts = torch.split(self.weight, list(self.inputs), dim=1)
        return torch.cat([part for part, field in zip(parts, fields, strict=True) if field is not None], dim=1)

    def _transformed(self, scratch: winograd.Scratch) -> Convolve:
        by = winograd.matrices(winograd.TILE, self.kernel_size[0], self.weight.dtype, self.weight.device)
        kernel = winograd.Kernel(self.weight, self.inputs, by, scratch)

        def convolve(fields: Sequence[Field | None]) -> Tensor:
            values = [None if field is None else field.values for field in fields]
            answer = kernel(values, [None if field is None else field.tiles(by, scratch) for field in fields])
            return answer if self.bias is None else answer + self.bias[:, None, None]

        return convolve
