"""Index arithmetic with integers alone: no window crosses a gap, no pixel is left out."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import xarray as xr
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from nowcast.errors import InputError
from nowcast.windows import plan

Maker = Callable[..., xr.DataArray]


@settings(deadline=None)
@given(
    st.integers(2, 40),
    st.frozensets(st.integers(1, 38), max_size=5),
    st.integers(1, 4),
    st.integers(1, 4),
    st.integers(1, 5),
)
def test_a_window_never_crosses_a_gap(
    counted: Maker, frames: int, drop: frozenset[int], context: int, horizon: int, stride: int
) -> None:
    cube = counted(frames, drop=drop)
    assume(cube.sizes["time"] > 1)
    minute = (cube["time"].values - cube["time"].values[0]) / np.timedelta64(60, "s")
    try:
        cut = plan(cube, context=context, horizon=horizon, stride=stride)
    except InputError:
        return
    step = int(np.bincount(np.diff(minute).astype(int)).argmax())
    for index in range(len(cut)):
        assert set(np.diff(minute[cut[index].time])) == {step}


def test_a_window_never_crosses_a_sequence(cube_maker: Maker) -> None:
    cube = cube_maker((12, 1, 4, 4)).assign_coords(sequence=("time", ["a"] * 5 + ["b"] * 7))
    cut = plan(cube, context=2, horizon=2)
    assert cut.starts == (0, 1, 5, 6, 7, 8)
    assert cut.references == (1, 2, 6, 7, 8, 9)


@given(
    st.lists(st.booleans(), min_size=2, max_size=30),
    st.integers(1, 5),
    st.integers(1, 4),
    st.integers(1, 3),
    st.integers(0, 4),
)
def test_windows_that_hold_too_little_are_left_out_and_no_others(
    counted: Maker, absent: list[bool], context: int, horizon: int, stride: int, most: int
) -> None:
    cube = counted(len(absent))

    def good(start: int) -> bool:
        given, asked = absent[start : start + context], absent[start + context : start + context + horizon]
        return sum(given) <= most and not all(given) and not all(asked)

    expected = [start for start in range(0, len(absent) - context - horizon + 1, stride) if good(start)]
    keywords = {"context": context, "horizon": horizon, "stride": stride}
    if not expected:
        with pytest.raises(InputError, match=r"no window fits|too many frames are absent"):
            plan(cube, **keywords, absent=np.array(absent), most_absent=most)
        return
    assert list(plan(cube, **keywords, absent=np.array(absent), most_absent=most).starts) == expected


def test_the_newest_context_frame_may_be_absent(counted: Maker) -> None:
    absent = np.arange(6) == 2
    assert plan(counted(6), context=3, horizon=1, absent=absent, most_absent=1).starts == (0, 1, 2)
    assert plan(counted(6), context=2, horizon=1, absent=absent, most_absent=0).starts == (3,)


def test_too_many_absent_frames_are_told(counted: Maker) -> None:
    with pytest.raises(InputError, match="too many frames are absent") as caught:
        plan(counted(6), context=3, horizon=1, absent=np.arange(6) > 0, most_absent=1)
    assert "5 of 6 frames absent" in str(caught.value)
    assert "at most 1 of the 3 context frames" in str(caught.value)


@settings(deadline=None)
@given(
    st.tuples(st.integers(1, 30), st.integers(1, 30)),
    st.tuples(st.integers(1, 30), st.integers(1, 30)),
    st.one_of(st.none(), st.integers(1, 30)),
)
def test_patches_cover_the_field_and_touch_its_border(
    counted: Maker, size: tuple[int, int], patch: tuple[int, int], stride: int | None
) -> None:
    assume(patch[0] <= size[0] and patch[1] <= size[1])
    assume(stride is None or stride <= min(patch))
    cut = plan(counted(3, rows=size[0], columns=size[1]), context=1, horizon=1, patch=patch, patch_stride=stride)
    seen = np.zeros(size, int)
    for index in range(len(cut.corners)):
        _, y, x = cut[index]
        assert 0 <= y.start < y.stop <= size[0]
        assert 0 <= x.start < x.stop <= size[1]
        assert (y.stop - y.start, x.stop - x.start) == patch
        seen[y, x] += 1
    assert seen.min() >= 1
    assert max(y for y, _ in cut.corners) == size[0] - patch[0]
    assert max(x for _, x in cut.corners) == size[1] - patch[1]
    assert len(set(cut.corners)) == len(cut.corners)


def test_each_index_is_a_start_and_a_patch(counted: Maker) -> None:
    cut = plan(counted(8, rows=6, columns=9), context=2, horizon=1, stride=2, patch=4, patch_stride=3)
    assert cut.starts == (0, 2, 4)
    assert cut.corners == ((0, 0), (0, 3), (0, 5), (2, 0), (2, 3), (2, 5))
    assert len(cut) == 18
    assert cut[0] == (slice(0, 3), slice(0, 4), slice(0, 4))
    assert cut[5] == (slice(0, 3), slice(2, 6), slice(5, 9))
    assert cut[6] == (slice(2, 5), slice(0, 4), slice(0, 4))
    assert cut[-1] == cut[17] == (slice(4, 7), slice(2, 6), slice(5, 9))
    assert len({cut[i][0].start * 10000 + cut[i][1].start * 100 + cut[i][2].start for i in range(18)}) == 18
    for index in (18, -19):
        with pytest.raises(IndexError):
            cut[index]


def test_without_a_patch_a_window_is_the_whole_field(counted: Maker) -> None:
    cut = plan(counted(4, rows=5, columns=7), context=2, horizon=1)
    assert cut[1] == (slice(1, 4), slice(0, 5), slice(0, 7))
    assert len(cut) == 2


@pytest.mark.parametrize(
    ("keywords", "said"),
    [
        ({"context": 0}, "--context must be at least 1"),
        ({"horizon": 0}, "--horizon must be at least 1"),
        ({"stride": 0}, "--stride must be at least 1"),
        ({"patch": 9}, "a patch of 9 x 9 pixels does not fit"),
        ({"patch": (4, 0)}, "a patch of 4 x 0 pixels does not fit"),
        ({"context": 9}, "no window fits in time"),
    ],
)
def test_a_plan_that_cannot_be_is_refused(counted: Maker, keywords: dict[str, object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        plan(counted(10, rows=8, columns=12), **{"context": 2, "horizon": 2, **keywords})  # type: ignore[arg-type]
