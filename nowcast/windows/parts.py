"""The parts of a cube: which frames are for training, for validation and for the test, and what kept them apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import xarray as xr

from nowcast.cube import PARTS, Run, iso, sequence_of, time_step

__all__ = ["BY_EVENT", "BY_PUBLISHER", "BY_SEQUENCE", "BY_TIME", "FRACTIONS", "Split", "Stretches", "placed"]

FRACTIONS = (0.7, 0.15, 0.15)
"""Shares of the windows: training, validation, test."""

BY_TIME, BY_SEQUENCE, BY_PUBLISHER = "blocks of time", "whole sequences", "the published parts"
BY_EVENT = "whole events"

Stretches = tuple[Run, ...]


@dataclass(frozen=True)
class Split:
    """The runs of each part, how many frames lie unused between two parts, and what kept them apart.

    A part may be empty where that was asked for, or where a cube is one of several that are parts as a whole.
    """

    training: Stretches
    validation: Stretches
    test: Stretches
    embargo: int
    basis: str = BY_TIME

    def part(self, name: str) -> Stretches:
        return {"training": self.training, "validation": self.validation, "test": self.test}[name]

    def frames(self, name: str) -> list[int]:
        """Indices along time of a part's frames, ascending."""
        return [index for run in self.part(name) for index in range(run.start, run.stop)]

    def audit(self, cube: xr.DataArray) -> dict[str, Any]:
        """What can be checked by eye: times, frames, sequences of each part, the embargo, what is shared.

        Statistics, such as those of the scaling, are those of the training part: their times are told again.
        """
        time, sequence = cube["time"].values, sequence_of(cube)
        frames, step = {name: set(self.frames(name)) for name in PARTS}, time_step(cube)
        held = {name: {sequence[run.start] for run in self.part(name)} for name in PARTS}
        parts = {
            name: {
                "first": iso(time[self.part(name)[0].start]) if frames[name] else None,
                "last": iso(time[self.part(name)[-1].stop - 1]) if frames[name] else None,
                "frames": len(frames[name]),
                "sequences": len(held[name]),
                "runs": [[run.start, run.stop] for run in self.part(name)],
            }
            for name in PARTS
        }
        return {
            "split_by": self.basis,
            "parts": parts,
            "embargo_frames": self.embargo,
            "embargo_seconds": None if step is None else self.embargo * step,
            "shared_frames": _shared(frames),
            "shared_sequences": _shared(held),
            "statistics_from": "training",
            "statistics_times": [parts["training"]["first"], parts["training"]["last"]],
        }


def placed(found: Sequence[Stretches], fractions: tuple[float, float, float]) -> tuple[Stretches, Stretches, Stretches]:
    """What was found for each part that is asked for, and nothing for the others."""
    given = iter(found)
    training, validation, test = (next(given) if share > 0 else () for share in fractions)
    return training, validation, test


def _shared(held: dict[str, set[int]]) -> int:
    training, validation, test = (held[name] for name in PARTS)
    return len(training & validation) + len((training | validation) & test)
