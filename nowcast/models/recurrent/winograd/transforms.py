"""The three matrices of a short convolution in fewer multiplications, worked out exactly for any size."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import torch
from torch import Tensor

from nowcast.models.recurrent.winograd.scratch import Scratch

__all__ = ["POINTS", "Matrices", "along_both", "matrices"]

POINTS: dict[int, tuple[Fraction, ...]] = {
    3: tuple(Fraction(n, 3) for n in (0, 2, -2, 4, -4)),
    5: tuple(Fraction(n, 2) for n in (0, 2, -2, 4, -4, 1, -1)),
}
"""Taps: where the polynomials are taken, for tiles of 4 pixels; infinity comes last. Of the points tried these round
the least: half of the error of 0, +-1, +-2 with three taps (arXiv:1803.10986 looks for such)."""

Rational = list[list[Fraction]]


@dataclass(frozen=True)
class Matrices:
    """`y = A ((G g) * (B d))` along one side; in two dimensions each is applied along both, by `along_both`.

    Attributes
    ----------
    outputs, taps, side
        Pixels that a tile gives along a side, taps of the kernel, pixels that a tile takes: `outputs + taps - 1`.
    a, b, g
        `(outputs, side)`, `(side, side)`, `(side, taps)`.
    """

    outputs: int
    taps: int
    a: Tensor
    b: Tensor
    g: Tensor

    @property
    def side(self) -> int:
        return self.outputs + self.taps - 1


@functools.lru_cache(maxsize=32)
def matrices(outputs: int, taps: int, dtype: torch.dtype, device: torch.device) -> Matrices:
    """F(outputs x outputs, taps x taps) of Lavin & Gray (arXiv:1509.09308), by Toom and Cook's construction.

    A product of polynomials is fixed by its values at `side` points; a correlation is its transpose.
    """
    a, b, g = ([[float(value) for value in row] for row in rows] for rows in _exact(outputs, taps))
    return Matrices(outputs, taps, *(torch.tensor(rows, dtype=dtype, device=device) for rows in (a, b, g)))


def along_both(matrix: Tensor, values: Tensor, scratch: Scratch, *, use: str | None = None) -> Tensor:
    """`matrix (m n)` along the first two dimensions, `(n n …)` to `(m m …)`: one matrix product each.

    With `use` the answer lies in the scratch too.
    """
    m, n = matrix.shape
    values, rest = values.reshape(n, -1), values.shape[2:]
    first = scratch("first", (m, values.shape[1]), values)
    torch.mm(matrix, values, out=first)
    twice = matrix.expand(m, m, n)
    if use is None:
        return torch.bmm(twice, first.view(m, n, -1)).view(m, m, *rest)
    answer = scratch(use, (m, m, math.prod(rest)), values)
    return torch.bmm(twice, first.view(m, n, -1), out=answer).view(m, m, *rest)


def _exact(outputs: int, taps: int) -> tuple[Rational, Rational, Rational]:
    side = outputs + taps - 1
    points = POINTS[taps][: side - 1]
    a = _transposed(_values(points, outputs))
    b = _transposed(_inverse(_values(points, side)))
    return a, b, _values(points, taps)


def _values(points: Sequence[Fraction], terms: int) -> Rational:
    """Of each monomial below `terms` at each point, and at infinity, where only the highest counts."""
    rows = [[point**power for power in range(terms)] for point in points]
    return [*rows, [Fraction(int(power == terms - 1)) for power in range(terms)]]


def _inverse(rows: Rational) -> Rational:
    """By elimination, exactly."""
    size = len(rows)
    work = [[*row, *(Fraction(int(i == j)) for j in range(size))] for i, row in enumerate(rows)]
    for column in range(size):
        pivot = next(i for i in range(column, size) if work[i][column])
        work[column], work[pivot] = work[pivot], work[column]
        work[column] = [value / work[column][column] for value in work[column]]
        for i in range(size):
            if i != column and work[i][column]:
                factor = work[i][column]
                work[i] = [x - factor * y for x, y in zip(work[i], work[column], strict=True)]
    return [row[size:] for row in work]


def _transposed(rows: Rational) -> Rational:
    return [list(column) for column in zip(*rows, strict=True)]
