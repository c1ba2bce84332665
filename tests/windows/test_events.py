"""Whole events as parts: no two parts share an hour, whatever cubes hold them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from nowcast.cube import Run
from nowcast.errors import InputError
from nowcast.windows import BY_EVENT, PARTS, Split, by_events, share_hours
from nowcast.windows.events import events

MINUTE = np.timedelta64(60, "s")


def dated(*spans: tuple[int, int]) -> xr.DataArray:
    """A cube of minutes: of each event its first minute and its frames."""
    minutes = np.concatenate([start + np.arange(frames) for start, frames in spans])
    return xr.DataArray(
        np.zeros((len(minutes), 1, 2, 2), "float32"),
        dims=("time", "channel", "y", "x"),
        coords={"time": np.datetime64("2026-05-01", "ns") + minutes * MINUTE},
    )


def counted(*lengths: int) -> xr.DataArray:
    """Clips that all begin at no time in particular."""
    cube = dated(*((0, length) for length in lengths))
    time = ("time", cube["time"].values, {"counted_from": "first frame"})
    return cube.assign_coords(time=time, sequence=("time", np.repeat(np.arange(len(lengths)), lengths)))


def lengths(splits: Sequence[Split]) -> list[list[int]]:
    return [[len(each.frames(name)) for name in PARTS] for each in splits]


def test_what_lies_near_is_one_event() -> None:
    cube = dated((0, 20), (25, 20), (60, 20))
    assert events([cube], apart=10) == [((0, Run(0, 20)), (0, Run(20, 40))), ((0, Run(40, 60)),)]
    assert len(events([cube], apart=16)) == 1, "sixteen steps from one to the next leave fifteen frames between"
    assert len(events([cube], apart=3)) == 3


def test_cubes_of_the_same_hours_are_one_event() -> None:
    found = events([dated((500, 20)), dated((0, 20)), dated((510, 30))], apart=5)
    assert found == [((0, Run(0, 20)), (2, Run(0, 30))), ((1, Run(0, 20)),)]


def test_where_times_only_count_each_sequence_is_an_event() -> None:
    assert [[run for _, run in event] for event in events([counted(8, 9)], apart=5)] == [[Run(0, 8)], [Run(8, 17)]]


def test_the_last_of_three_is_the_test_and_the_one_before_it_validation() -> None:
    four = [dated((1000 * i, 20 + i)) for i in range(4)]
    splits = by_events(four, window=16)
    assert lengths(splits) == [[20, 0, 0], [21, 0, 0], [0, 22, 0], [0, 0, 23]]
    assert {each.basis for each in splits} == {BY_EVENT}
    audit = splits[3].audit(four[3])
    assert (audit["split_by"], audit["embargo_frames"]) == ("whole events", 0)
    one = xr.concat(four, "time")
    assert lengths(by_events([one], window=16)) == [[41, 22, 23]]


def test_two_events() -> None:
    short, long = dated((0, 40)), dated((1000, 48))
    assert lengths(by_events([short, dated((1000, 47))], window=16)) == [[40, 0, 0], [0, 47, 0]]
    splits = by_events([short, long], window=16)
    assert lengths(splits) == [[40, 0, 0], [0, 16, 16]]
    assert [each.embargo for each in splits] == [0, 16]
    assert min(splits[1].frames("test")) - max(splits[1].frames("validation")) == 17
    assert lengths(by_events([short, long], window=16, fractions=(0.8, 0.2, 0.0))) == [[40, 0, 0], [0, 48, 0]]
    assert lengths(by_events([short, long], window=16, fractions=(0.8, 0.0, 0.2))) == [[40, 0, 0], [0, 0, 48]]


@pytest.mark.parametrize(
    ("cubes", "said"),
    [
        ([dated((0, 40))], r"too few events(?s:.*)1 event"),
        ([dated((0, 40)), dated((30, 40))], r"too few events(?s:.*)1 event"),
        ([dated((0, 40)), dated((500, 15))], "no window of 16 frames"),
    ],
)
def test_what_makes_no_parts_is_refused(cubes: list[xr.DataArray], said: str) -> None:
    with pytest.raises(InputError, match=said):
        by_events(cubes, window=16)


@given(
    st.lists(
        st.lists(st.tuples(st.integers(0, 400), st.integers(1, 40)), min_size=1, max_size=3), min_size=1, max_size=4
    ),
    st.integers(2, 12),
    st.integers(0, 8),
)
def test_no_two_parts_come_nearer_than_an_embargo_in_true_time(
    told: list[list[tuple[int, int]]], window: int, more: int
) -> None:
    cubes = []
    for spans in told:
        start, placed = 0, []
        for skipped, frames in spans:
            placed.append((start + skipped, frames))
            start += skipped + frames
        cubes.append(dated(*placed))
    try:
        splits = by_events(cubes, window=window, embargo=window + more)
    except InputError:
        return
    assert splits[0].training
    shown = {
        name: np.concatenate([cube["time"].values[each.frames(name)] for cube, each in zip(cubes, splits, strict=True)])
        for name in PARTS
    }
    assert len(shown["validation"])
    for one, other in (("training", "validation"), ("training", "test"), ("validation", "test")):
        if len(shown[other]):
            apart = np.abs(shown[one][:, None] - shown[other][None]).min()
            assert apart > (window + more) * MINUTE


def parted(cube: xr.DataArray, at: int) -> Split:
    """Up to a frame for training; the rest is the test part."""
    return Split((Run(0, at),), (), (Run(at, cube.sizes["time"]),), 0)


@given(st.integers(-60, 60), st.integers(1, 29), st.integers(1, 19))
def test_hours_that_one_learns_of_and_another_is_tested_on_are_seen(later: int, first: int, second: int) -> None:
    one, other = dated((100, 30)), dated((100 + later, 20))
    parts = parted(one, first), parted(other, second)
    hours = [
        {name: set(cube["time"].values[split.frames(name)].tolist()) for name in PARTS}
        for cube, split in zip((one, other), parts, strict=True)
    ]
    shared = (hours[0]["training"] & hours[1]["test"]) | (hours[1]["training"] & hours[0]["test"])
    assert share_hours([one, other], parts) == bool(shared)


def test_what_has_no_hours_and_a_cube_by_itself_share_none() -> None:
    assert not share_hours([counted(20), dated((0, 20))], [parted(counted(20), 10), parted(dated((0, 20)), 10)])
    assert not share_hours([dated((0, 20))], [parted(dated((0, 20)), 10)])
    nothing = Split((), (), (), 0)
    assert not share_hours([dated((0, 20)), dated((0, 20))], [nothing, parted(dated((0, 20)), 10)])
