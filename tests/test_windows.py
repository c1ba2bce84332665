"""Index arithmetic with integers alone: no window crosses a gap, no two parts touch, no pixel is left out."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
import xarray as xr
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from nowcast.cube import Run
from nowcast.errors import InputError
from nowcast.windows import PARTS, Split, plan, split, suggest, tiles


def counted(frames: int, *, rows: int = 2, columns: int = 2, drop: frozenset[int] = frozenset()) -> xr.DataArray:
    """An empty cube of minutes with some frames dropped."""
    kept = np.array([i for i in range(frames) if i not in drop])
    return xr.DataArray(
        np.zeros((len(kept), 1, rows, columns), "float32"),
        dims=("time", "channel", "y", "x"),
        coords={"time": np.datetime64("2026-05-01", "ns") + kept * np.timedelta64(60, "s")},
        name="rain",
    )


@st.composite
def pieces_of_time(draw: st.DrawFn) -> list[Run]:
    """Runs in order; neighbours touch (a gap in time takes no index) or leave frames out."""
    pieces, start = [], draw(st.integers(0, 3))
    for length, skip in draw(st.lists(st.tuples(st.integers(1, 90), st.integers(0, 3)), min_size=1, max_size=6)):
        pieces.append(Run(start, start + length))
        start += length + skip
    return pieces


def shares() -> st.SearchStrategy[tuple[float, float, float]]:
    parts = st.tuples(*[st.integers(1, 20)] * 3)
    return parts.map(lambda n: (n[0] / sum(n), n[1] / sum(n), 1 - n[0] / sum(n) - n[1] / sum(n)))


def frames_of(parts: Split, name: str) -> set[int]:
    return {i for run in parts.part(name) for i in range(run.start, run.stop)}


@settings(deadline=None)
@given(pieces_of_time(), st.integers(1, 12), shares(), st.integers(0, 10))
def test_parts_share_no_frame_and_lie_an_embargo_apart(
    pieces: list[Run], window: int, fractions: tuple[float, float, float], more: int
) -> None:
    embargo = window + more
    try:
        parts = split(pieces, window=window, fractions=fractions, embargo=embargo)
    except InputError:
        longest = max(map(len, pieces))
        assert longest < 3 * window + 2 * embargo + 2 * 3, "there was room for three parts in one run"
        return
    assert parts.embargo == embargo
    frames = [frames_of(parts, name) for name in PARTS]
    assert all(frames)
    for earlier, later in pairwise(frames):
        # Both ends of an embargo are out: e frames unused between them is a distance of e + 1.
        assert min(later) - max(earlier) >= embargo + 1
    for name in PARTS:
        for run in parts.part(name):
            assert len(run) >= window
            assert any(piece.start <= run.start and run.stop <= piece.stop for piece in pieces)


@settings(deadline=None)
@given(pieces_of_time(), st.integers(1, 6), st.integers(1, 6), st.integers(1, 4))
def test_every_window_of_every_part_lies_in_one_run_of_its_part(
    pieces: list[Run], context: int, horizon: int, stride: int
) -> None:
    window = context + horizon
    try:
        parts = split(pieces, window=window)
    except InputError:
        assume(False)
    cube = counted(pieces[-1].stop)
    used: dict[str, set[int]] = {}
    for name in PARTS:
        cut = plan(cube, context=context, horizon=horizon, stride=stride, within=parts.part(name))
        assert len(cut) > 0
        for index in range(len(cut)):
            time = cut[index].time
            assert time.stop - time.start == window
            assert any(run.start <= time.start and time.stop <= run.stop for run in parts.part(name))
        used[name] = {t for i in range(len(cut)) for t in range(cut[i].time.start, cut[i].time.stop)}
    assert not used["training"] & used["validation"]
    assert not (used["training"] | used["validation"]) & used["test"]


@settings(deadline=None)
@given(pieces_of_time(), st.integers(1, 12))
def test_the_default_embargo_is_a_window(pieces: list[Run], window: int) -> None:
    try:
        assert split(pieces, window=window).embargo == window
    except InputError:
        assume(False)


def test_fractions_are_met_as_nearly_as_frames_allow() -> None:
    parts = split([Run(0, 250)], window=5, fractions=(0.5, 0.3, 0.2))
    counts = np.array([sum(len(run) - 4 for run in parts.part(name)) for name in PARTS])
    np.testing.assert_allclose(counts / counts.sum(), [0.5, 0.3, 0.2], atol=0.01)


def test_the_audit_tells_what_each_part_holds() -> None:
    cube = counted(60)
    parts = split([Run(0, 60)], window=6)
    audit = parts.audit(cube)
    assert audit["shared_frames"] == 0
    assert audit["embargo_frames"] == 6
    told = audit["parts"]
    assert isinstance(told, dict)
    assert told["training"]["first"] == "2026-05-01T00:00:00"
    assert told["test"]["last"] == "2026-05-01T00:59:00"
    assert told["validation"]["frames"] == len(frames_of(parts, "validation"))
    overlapping = Split(training=(Run(0, 30),), validation=(Run(20, 40),), test=(Run(35, 60),), embargo=0)
    assert overlapping.audit(cube)["shared_frames"] == 15


@pytest.mark.parametrize(
    ("keywords", "said"),
    [
        ({"fractions": (0.7, 0.2, 0.2)}, "add up to 1"),
        ({"fractions": (1.0, 0.0, 0.0)}, "above 0"),
        ({"fractions": (0.5, 0.5)}, "three shares"),
        ({"embargo": 5}, "embargo is shorter than a window"),
        ({"window": 40}, "too few frames that follow"),
    ],
)
def test_a_split_that_cannot_be_is_refused(keywords: dict[str, object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        split([Run(0, 100)], **{"window": 6, **keywords})  # type: ignore[arg-type]


def test_a_window_longer_than_every_run_is_refused_with_what_is_needed() -> None:
    with pytest.raises(InputError, match=r"30 frame\(s\) in 3 run\(s\)") as caught:
        split([Run(0, 10), Run(10, 20), Run(20, 30)], window=11)
    assert str(3 * 11 + 2 * 11) in str(caught.value)


# Windows of a cube


@settings(deadline=None)
@given(
    st.integers(2, 40),
    st.frozensets(st.integers(1, 38), max_size=5),
    st.integers(1, 4),
    st.integers(1, 4),
    st.integers(1, 5),
)
def test_a_window_never_crosses_a_gap(
    frames: int, drop: frozenset[int], context: int, horizon: int, stride: int
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


def test_a_window_never_crosses_a_sequence(cube_maker: Callable[..., xr.DataArray]) -> None:
    cube = cube_maker((12, 1, 4, 4)).assign_coords(sequence=("time", ["a"] * 5 + ["b"] * 7))
    cut = plan(cube, context=2, horizon=2)
    assert cut.starts == (0, 1, 5, 6, 7, 8)
    assert cut.references == (1, 2, 6, 7, 8, 9)


@settings(deadline=None)
@given(
    st.tuples(st.integers(1, 30), st.integers(1, 30)),
    st.tuples(st.integers(1, 30), st.integers(1, 30)),
    st.one_of(st.none(), st.integers(1, 30)),
)
def test_patches_cover_the_field_and_touch_its_border(
    size: tuple[int, int], patch: tuple[int, int], stride: int | None
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


def test_each_index_is_a_start_and_a_patch() -> None:
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


def test_without_a_patch_a_window_is_the_whole_field() -> None:
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
def test_a_plan_that_cannot_be_is_refused(keywords: dict[str, object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        plan(counted(10, rows=8, columns=12), **{"context": 2, "horizon": 2, **keywords})  # type: ignore[arg-type]


# What is chosen


def test_an_hour_of_radar_takes_four_frames_for_the_next_six() -> None:
    assert suggest([Run(0, 61)]) == (4, 6)


def test_many_frames_take_the_longest_window() -> None:
    assert suggest([Run(0, 500)]) == (10, 10)


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


def test_too_few_frames_for_any_window_are_refused() -> None:
    with pytest.raises(InputError, match="too few frames"):
        suggest([Run(0, 9)])
    assert suggest([Run(0, 10)]) == (1, 1)


# Tiles


@settings(deadline=None)
@given(st.tuples(st.integers(1, 60), st.integers(1, 60)), st.integers(0, 8), st.integers(1, 30))
def test_tiles_cover_the_field_and_neighbours_overlap_by_twice_the_halo(
    size: tuple[int, int], halo: int, inner: int
) -> None:
    tile = 2 * halo + inner
    pieces = tiles(size, tile=tile, halo=halo)
    seen = np.zeros(size, int)
    for piece in pieces:
        assert 0 <= piece.y.start < piece.y.stop <= size[0]
        assert 0 <= piece.x.start < piece.x.stop <= size[1]
        assert piece.y.stop - piece.y.start == min(tile, size[0])
        assert piece.x.stop - piece.x.start == min(tile, size[1])
        seen[piece.y, piece.x] += 1
    assert seen.min() >= 1
    for spans in ({(p.y.start, p.y.stop) for p in pieces}, {(p.x.start, p.x.stop) for p in pieces}):
        for one, other in pairwise(sorted(spans)):
            assert one[1] - other[0] >= 2 * halo


def test_a_small_field_is_one_tile_and_a_tile_that_is_all_halo_is_refused() -> None:
    assert tiles((20, 64), tile=64, halo=8) == [(slice(0, 20), slice(0, 64))]
    with pytest.raises(InputError, match="smaller than its halo"):
        tiles((20, 20), tile=16, halo=8)
