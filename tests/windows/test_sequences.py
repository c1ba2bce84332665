"""What a cube says of its sequences and published parts."""

from __future__ import annotations

import numpy as np
import xarray as xr

from nowcast.cube import Run
from nowcast.windows import Sequences


def cube_of(sequence: list[str], part: list[str] | None, seconds: list[int]) -> xr.DataArray:
    coords = {
        "time": ("time", np.datetime64(0, "ns") + np.array(seconds) * np.timedelta64(1, "s")),
        "sequence": ("time", sequence),
    }
    if part is not None:
        coords["part"] = ("time", part)
    return xr.DataArray(np.zeros((len(seconds), 1, 1, 1)), dims=("time", "channel", "y", "x"), coords=coords)


def test_a_gap_parts_pieces_but_not_sequences() -> None:
    cube = cube_of(list("aaaaabb"), ["training"] * 5 + ["test"] * 2, [0, 1, 2, 7, 8, 0, 1])
    told = Sequences.of(cube)
    assert told is not None
    assert told.pieces == (Run(0, 3), Run(3, 5), Run(5, 7))
    assert told.numbers == (0, 0, 1)
    assert told.parts == ("training", "training", "test")
    assert told.usable(3) == ([Run(0, 3)], [0])
    assert told.usable(2, "test") == ([Run(5, 7)], [1])


def test_true_times_without_parts_say_nothing() -> None:
    assert Sequences.of(cube_of(list("aab"), None, [0, 1, 0])) is None
    cube = cube_of(list("aab"), None, [0, 1, 0])
    cube["time"].attrs["counted_from"] = "first frame"
    told = Sequences.of(cube)
    assert told is not None
    assert (told.numbers, told.parts) == ((0, 1), None)
