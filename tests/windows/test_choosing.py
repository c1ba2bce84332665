"""How many frames are given and asked for: enough to see what moves comes before enough to learn from."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from nowcast.cube import Run, runs
from nowcast.errors import InputError
from nowcast.windows import Sequences, Split, choose, split


def suggest(pieces: list[Run], *, sequences: Sequences | None = None, **asked: int | None) -> tuple[int, int]:
    """Context and horizon of one cube that is split by the usual shares."""

    def in_time(window: int) -> list[Split]:
        return [split(pieces, window=window, sequences=sequences)]

    return choose([in_time], **asked)[:2]


def test_what_is_suggested_looks_at_sequences() -> None:
    time = np.tile(np.arange(12), 60)
    cube = xr.DataArray(
        np.zeros((720, 1, 2, 2), "float32"),
        dims=("time", "channel", "y", "x"),
        coords={
            "time": ("time", np.datetime64(0, "ns") + time * np.timedelta64(1, "s"), {"counted_from": "first frame"}),
            "sequence": ("time", np.repeat(np.arange(60), 12)),
        },
    )
    assert suggest(runs(cube), sequences=Sequences.of(cube)) == (6, 6)


def test_an_hour_of_radar_takes_four_frames_for_the_next_six() -> None:
    assert suggest([Run(0, 61)]) == (4, 6)


def test_many_frames_take_the_longest_window_unless_contexts_are_held_short() -> None:
    assert suggest([Run(0, 500)]) == (10, 10)
    assert suggest([Run(0, 500)], longest=4) == (4, 10)
    assert suggest([Run(0, 500)], longest=4, context=8) == (8, 10), "what is asked for is not held short"


@settings(deadline=None)
@given(st.integers(5, 200), st.one_of(st.none(), st.integers(1, 12)), st.one_of(st.none(), st.integers(1, 12)))
def test_what_is_given_stays_and_what_is_chosen_can_be_split(
    frames: int, context: int | None, horizon: int | None
) -> None:
    try:
        chosen = suggest([Run(0, frames)], context=context, horizon=horizon)
    except InputError:
        assert frames < 5 * ((context or 1) + (horizon or 1)) + 1
        return
    assert context in (None, chosen[0])
    assert horizon in (None, chosen[1])
    split([Run(0, frames)], window=sum(chosen))
    least = 5 * (3 + (horizon or 1))
    if context is None and frames >= least:
        assert chosen[0] >= 3, "a context of three fits"
    if context is None and frames < 5 * (2 + (horizon or 1)):
        assert chosen[0] == 1


@pytest.mark.parametrize(("frames", "chosen"), [(75, 3), (74, 2), (70, 2), (69, 1), (65, 1)])
def test_of_an_hour_ahead_a_context_is_as_long_as_fits(frames: int, chosen: int) -> None:
    assert suggest([Run(0, frames)], horizon=12, longest=4) == (chosen, 12)


def test_a_shorter_horizon_comes_before_a_shorter_context() -> None:
    assert suggest([Run(0, 25)]) == (3, 1)
    assert suggest([Run(0, 20)]) == (3, 1)
    assert suggest([Run(0, 19)]) == (2, 1)


def test_too_few_frames_for_any_window_are_refused() -> None:
    with pytest.raises(InputError, match="too few frames"):
        suggest([Run(0, 9)])
    assert suggest([Run(0, 10)]) == (1, 1)


def test_another_way_is_taken_before_a_shorter_context_and_after_a_longer_one() -> None:
    asked: list[tuple[str, int]] = []

    def first(window: int) -> list[Split]:
        asked.append(("first", window))
        if window > 14:
            raise InputError("too long for the first")
        return [Split((Run(0, 40),), (), (), 0, "first")]

    def second(window: int) -> list[Split]:
        asked.append(("second", window))
        if window > 16:
            raise InputError("too long for the second")
        return [Split((Run(0, 40),), (), (), 0, "second")]

    context, horizon, (taken,) = choose([first, second], horizon=12)
    assert (context, horizon, taken.basis) == (4, 12, "second")
    assert choose([first, second], horizon=11)[2][0].basis == "first"
    assert asked[0] == ("first", 22)
    with pytest.raises(InputError, match="too long for the first"):
        choose([first, second], horizon=20)
