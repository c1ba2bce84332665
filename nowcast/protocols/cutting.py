"""The test of a protocol: which frames, which starting times, and the hash of how they were chosen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from nowcast.cube import Run, label, runs
from nowcast.description.hashing import plain_hash
from nowcast.errors import InputError
from nowcast.protocols.schema import Protocol
from nowcast.windows import BY_PUBLISHER, BY_SEQUENCE, BY_TIME, Sequences, Split, split

__all__ = ["Test", "cut"]

BASIS = {"published": BY_PUBLISHER, "sequences": BY_SEQUENCE, "time": BY_TIME}


@dataclass(frozen=True)
class Test:
    """Runs and starting times (positions along the cube's time of the newest frame given) of the test.

    `split` holds the other parts too, where there are any; `settings` is what the choice hangs on, as plain data.
    """

    __test__ = False  # no test of pytest's

    runs: tuple[Run, ...]
    references: tuple[int, ...]
    split: Split | None
    settings: dict[str, Any]

    @property
    def frames(self) -> np.ndarray:
        """Positions of all frames of the test along the cube's time, ascending."""
        return np.concatenate([np.arange(run.start, run.stop) for run in self.runs])

    @property
    def learnt_from(self) -> np.ndarray:
        """Positions of the frames for training and validation, ascending."""
        parts = [] if self.split is None else [*self.split.frames("training"), *self.split.frames("validation")]
        return np.array(sorted(parts), dtype=int)

    def hash(self) -> str:
        """Of the settings, and of the runs and starting times within the test that they came to."""
        lengths = [len(run) for run in self.runs]
        places = np.searchsorted(self.frames, self.references).tolist()
        return plain_hash({**self.settings, "runs": lengths, "references": places})


def cut(cube: xr.DataArray, protocol: Protocol) -> Test:
    """The test that a protocol's rule makes of a cube.

    Raises
    ------
    InputError
        The rule cannot be kept with these data, or no window fits into the test.
    """
    windows, rule = protocol.windows, protocol.split
    window = windows.context + windows.horizon
    settings = {
        **rule.model_dump(mode="json", exclude={"sha256"}),
        "context": windows.context,
        "horizon": windows.horizon,
        "stride": windows.stride,
    }
    sequences = Sequences.of(cube)
    parts: Split | None = None
    if rule.rule == "all":
        tested = tuple(runs(cube))
    elif rule.rule == "published" and not _learnable(sequences, window):
        tested = () if sequences is None or sequences.parts is None else tuple(sequences.usable(window, "test")[0])
    else:
        parts = split(runs(cube), window=window, fractions=rule.fractions, embargo=rule.embargo, sequences=sequences)
        tested = parts.test
        if parts.basis != BASIS[rule.rule]:
            raise InputError(
                f"{label(cube)}: split.rule {rule.rule} cannot be kept with these data",
                found=f"they can be split by {parts.basis}",
                next_step=f"split.rule: {next(name for name, basis in BASIS.items() if basis == parts.basis)}",
            )
    tested = tuple(run for run in tested if len(run) >= window)
    if not tested:
        raise InputError(
            f"{label(cube)}: no window lies in the test part",
            needed=f"{windows.context} + {windows.horizon} frames in a row",
        )
    references = tuple(
        start + windows.context - 1
        for run in tested
        for start in range(run.start, run.stop - window + 1, windows.stride)
    )
    return Test(tested, references, parts, settings)


def _learnable(sequences: Sequences | None, window: int) -> bool:
    """Whether parts are published for training and test, both."""
    if sequences is None or sequences.parts is None:
        return False
    return all(sequences.usable(window, part)[0] for part in ("training", "test"))
