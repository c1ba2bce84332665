"""What of a cube may not be torn apart at will: sequences, and the parts that a dataset was published in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr

from nowcast.cube import PARTS, Run, is_counted, label, runs, sequence_of
from nowcast.errors import InputError

__all__ = ["Sequences"]


@dataclass(frozen=True)
class Sequences:
    """The stretches of a cube that may not be torn apart at will: the sequence of each, and its published part.

    Attributes
    ----------
    pieces
        The runs of the cube, cut where the published part changes.
    numbers
        One for each piece, the same for pieces of one sequence.
    parts
        The published part of each piece, or None where nothing is published.
    """

    pieces: tuple[Run, ...]
    numbers: tuple[int, ...]
    parts: tuple[str, ...] | None

    @classmethod
    def of(cls, cube: xr.DataArray) -> Sequences | None:
        """What a cube's coordinates `sequence` and `part` say; None where time alone may be cut.

        That is: nothing is published, and sequences have true times, so that two of them may be of the same hour.

        Raises
        ------
        InputError
            A part of another name, or a sequence in two parts.
        """
        published = "part" in cube.coords and cube["part"].dims == ("time",)
        if not published and not is_counted(cube["time"]):
            return None
        pieces = runs(cube)
        named = sequence_of(cube)
        if published:
            part = cube["part"].values.astype(str)
            changes = np.flatnonzero(part[1:] != part[:-1]) + 1
            pieces = [cut for run in pieces for cut in _cut_at(run, changes)]
            _check_parts(cube, part, named)
        first = [run.start for run in pieces]
        numbers = np.unique(named[first], return_inverse=True)[1]
        parts = tuple(str(part[index]) for index in first) if published else None
        return cls(tuple(pieces), tuple(numbers.tolist()), parts)

    def usable(self, window: int, part: str | None = None) -> tuple[list[Run], list[int]]:
        """The pieces that hold a window, of a published part if one is named, and the numbers of their sequences."""
        names = self.parts or ("",) * len(self.pieces)
        kept = [
            (run, number)
            for run, number, name in zip(self.pieces, self.numbers, names, strict=True)
            if len(run) >= window and part in (None, name)
        ]
        return [run for run, _ in kept], [number for _, number in kept]


def _cut_at(run: Run, changes: np.ndarray) -> list[Run]:
    inside = changes[(changes > run.start) & (changes < run.stop)].tolist()
    return [Run(low, high) for low, high in zip([run.start, *inside], [*inside, run.stop], strict=True)]


def _check_parts(cube: xr.DataArray, part: np.ndarray, named: np.ndarray) -> None:
    unknown = sorted(set(np.unique(part).tolist()) - set(PARTS))
    if unknown:
        raise InputError(f"{label(cube)}: unknown part(s) {', '.join(unknown)}", needed=", ".join(PARTS))
    if "sequence" in cube.coords:
        torn = np.flatnonzero((named[1:] == named[:-1]) & (part[1:] != part[:-1]))
        if len(torn):
            raise InputError(
                f"{label(cube)}: sequence {str(named[torn[0]])!r} lies in two parts",
                found=f"{part[torn[0]]} and {part[torn[0] + 1]}",
                needed="each sequence in one part",
            )
