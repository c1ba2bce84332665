"""Index arithmetic with integers alone: blocks of time share no frame, and lie an embargo apart."""

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
from nowcast.windows import PARTS, plan, split
from nowcast.windows.time_blocks import blocks_of_time, two_blocks

Maker = Callable[..., xr.DataArray]


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
    frames = [set(parts.frames(name)) for name in PARTS]
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
    counted: Maker, pieces: list[Run], context: int, horizon: int, stride: int
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


def test_where_no_window_could_be_shorter_more_frames_are_asked_for() -> None:
    with pytest.raises(InputError) as caught:
        split([Run(0, 1)], window=2)
    assert caught.value.next_step == "add frames of the series"


def test_a_window_longer_than_every_run_is_refused_with_what_is_needed() -> None:
    with pytest.raises(InputError, match=r"30 frame\(s\) in 3 run\(s\)") as caught:
        split([Run(0, 10), Run(10, 20), Run(20, 30)], window=11)
    assert str(3 * 11 + 2 * 11) in str(caught.value)


def test_two_blocks_are_the_first_two_of_what_is_asked_for() -> None:
    pieces = [Run(0, 40), Run(45, 100)]
    training, validation = two_blocks(pieces, 5, (0.8, 0.2), 6)
    assert blocks_of_time(pieces, 5, (0.8, 0.2, 0.0), 6) == (training, validation, ())
    assert blocks_of_time(pieces, 5, (0.8, 0.0, 0.2), 6) == (training, (), validation)
    assert validation[0].start - training[-1].stop == 6


@settings(deadline=None)
@given(pieces_of_time(), st.integers(1, 12), st.sampled_from([(0.8, 0.2, 0.0), (0.6, 0.0, 0.4), (1.0, 0.0, 0.0)]))
def test_a_part_of_nothing_is_empty_and_the_others_are_not(
    pieces: list[Run], window: int, fractions: tuple[float, float, float]
) -> None:
    asked = [name for name, share in zip(PARTS, fractions, strict=True) if share]
    try:
        parts = split(pieces, window=window, fractions=fractions)
    except InputError:
        assert max(map(len, pieces)) < (2 * len(asked) - 1) * window
        return
    assert [name for name in PARTS if parts.part(name)] == asked
    assert parts.embargo == (window if len(asked) > 1 else 0)
    frames = [set(parts.frames(name)) for name in asked]
    for earlier, later in pairwise(frames):
        assert min(later) - max(earlier) > window
    if len(asked) == 1:
        assert frames[0] == {i for run in pieces if len(run) >= window for i in range(run.start, run.stop)}
