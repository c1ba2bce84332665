"""Index arithmetic with integers alone: no two parts touch, no sequence is torn, published parts are kept."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import xarray as xr
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from nowcast.cube import Run, runs
from nowcast.errors import InputError
from nowcast.windows import BY_PUBLISHER, BY_SEQUENCE, BY_TIME, PARTS, Sequences, Split, plan, split


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
    assert audit["embargo_seconds"] == 360.0
    told = audit["parts"]
    assert audit["statistics_times"] == [told["training"]["first"], told["training"]["last"]]
    assert told["training"]["first"] == "2026-05-01T00:00:00"
    assert told["test"]["last"] == "2026-05-01T00:59:00"
    assert told["validation"]["frames"] == len(frames_of(parts, "validation"))
    overlapping = Split(training=(Run(0, 30),), validation=(Run(20, 40),), test=(Run(35, 60),), embargo=0)
    assert overlapping.audit(cube)["shared_frames"] == 15


@pytest.mark.parametrize(
    ("keywords", "said"),
    [
        ({"fractions": (0.7, 0.2, 0.2)}, "add up to 1"),
        ({"fractions": (0.0, 0.5, 0.5)}, "that of training above 0"),
        ({"fractions": (0.7, 0.5, -0.2)}, "three shares"),
        ({"fractions": (0.8, 0.2, 0.0), "window": 34}, "for two parts"),
        ({"fractions": (1.0, 0.0, 0.0), "window": 101}, "for training"),
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


# Sequences


def clips(lengths: list[int], parts: list[str] | None = None, *, counted_from: bool = True) -> xr.DataArray:
    """An empty cube of sequences whose frames are a second apart and start at the same time."""
    seconds = np.concatenate([np.arange(length) for length in lengths])
    attrs = {"counted_from": "first frame"} if counted_from else {}
    coords = {
        "time": ("time", np.datetime64(0, "ns") + seconds * np.timedelta64(1, "s"), attrs),
        "sequence": ("time", np.repeat([f"clip{i:03d}" for i in range(len(lengths))], lengths)),
    }
    if parts is not None:
        coords["part"] = ("time", np.repeat(parts, lengths))
    return xr.DataArray(np.zeros((len(seconds), 1, 2, 2), "float32"), dims=("time", "channel", "y", "x"), coords=coords)


def names_of(cube: xr.DataArray, parts: Split, name: str) -> set[str]:
    return set(cube["sequence"].values[parts.frames(name)].tolist())


def cut(cube: xr.DataArray, window: int) -> Split:
    return split(runs(cube), window=window, sequences=Sequences.of(cube))


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(2, 30), st.sampled_from(PARTS)), min_size=1, max_size=40),
    st.booleans(),
    st.integers(2, 8),
)
def test_sequences_stay_whole_and_no_window_crosses_one(
    told: list[tuple[int, str]], published: bool, window: int
) -> None:
    cube = clips([length for length, _ in told], [part for _, part in told] if published else None)
    usable = {f"clip{i:03d}": part for i, (length, part) in enumerate(told) if length >= window}
    try:
        parts = cut(cube, window)
    except InputError:
        assert len(usable) < 7 or (published and list(usable.values()).count("training") < 7)
        return
    frames = [frames_of(parts, name) for name in PARTS]
    assert all(frames)
    assert not frames[0] & frames[1]
    assert not (frames[0] | frames[1]) & frames[2]
    sequence = cube["sequence"].values
    for name in PARTS:
        for start in plan(cube, context=window - 1, horizon=1, within=parts.part(name)).starts:
            assert len(set(sequence[start : start + window])) == 1
    held = {name: names_of(cube, parts, name) for name in PARTS}
    if parts.basis == BY_PUBLISHER:
        assert held["test"] == {name for name, part in usable.items() if part == "test"}
        assert held["training"] | held["validation"] <= {name for name, part in usable.items() if part != "test"}
        if "validation" in usable.values():
            assert held["validation"] == {name for name, part in usable.items() if part == "validation"}
    if parts.embargo == 0:
        assert not held["training"] & held["validation"]
        assert not (held["training"] | held["validation"]) & held["test"]
        assert held["training"] | held["validation"] | held["test"] == set(usable)
    assert parts.audit(cube)["shared_frames"] == 0


def test_many_clips_are_shared_out_whole_by_their_windows() -> None:
    cube = clips([20] * 100)
    parts = cut(cube, 11)
    assert (parts.basis, parts.embargo) == (BY_SEQUENCE, 0)
    assert [len(names_of(cube, parts, name)) for name in PARTS] == [70, 15, 15]
    assert max(parts.frames("training")) < min(parts.frames("validation"))
    audit = parts.audit(cube)
    assert (audit["split_by"], audit["shared_sequences"]) == ("whole sequences", 0)
    uneven = clips([110] + [11] * 99)
    assert len(names_of(uneven, cut(uneven, 11), "training")) < 60, "windows are counted, not sequences"


def test_few_clips_and_true_times_are_cut_in_time() -> None:
    few = clips([100, 100])
    parts = cut(few, 5)
    assert (parts.basis, parts.embargo) == (BY_TIME, 5)
    true = clips([20] * 100, counted_from=False)
    assert Sequences.of(true) is None
    assert cut(true, 5).basis == BY_TIME


def test_the_published_test_is_never_trained_on() -> None:
    cube = clips([30] * 20, ["test"] * 4 + ["training"] * 16)
    parts = cut(cube, 10)
    assert parts.basis == BY_PUBLISHER
    assert names_of(cube, parts, "test") == {"clip000", "clip001", "clip002", "clip003"}
    assert names_of(cube, parts, "validation") == {"clip017", "clip018", "clip019"}, "the last share of the training"
    assert parts.embargo == 0


def test_validation_of_few_training_clips_is_a_block_of_time() -> None:
    cube = clips([100, 100, 50], ["training", "training", "test"])
    parts = cut(cube, 10)
    assert (parts.basis, parts.embargo) == (BY_PUBLISHER, 10)
    assert min(parts.frames("validation")) - max(parts.frames("training")) == 11
    assert parts.frames("test") == list(range(200, 250))


@pytest.mark.parametrize("present", ["training", "test", "validation"])
def test_a_part_that_is_not_at_hand_leaves_a_split_of_what_there_is(present: str) -> None:
    many = clips([20] * 40, [present] * 40)
    assert cut(many, 10).basis == BY_SEQUENCE
    few = clips([200, 200], [present] * 2)
    assert cut(few, 10).basis == BY_TIME


def test_published_parts_of_one_stretch_of_time() -> None:
    cube = counted(90).assign_coords(part=("time", ["training"] * 60 + ["validation"] * 10 + ["test"] * 20))
    parts = cut(cube, 5)
    assert [len(parts.frames(name)) for name in PARTS] == [60, 10, 20]


@pytest.mark.parametrize(
    ("parts", "said"),
    [(["training", "holdout"], "unknown part.s. holdout"), (None, "'clip000' lies in two parts")],
)
def test_parts_that_make_no_sense(parts: list[str] | None, said: str) -> None:
    cube = clips([10, 10], parts or ["training", "test"])
    if parts is None:
        cube = cube.assign_coords(part=("time", ["training"] * 5 + ["test"] * 15))
    with pytest.raises(InputError, match=said):
        Sequences.of(cube)


# Parts of nothing


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
    frames = [frames_of(parts, name) for name in asked]
    for earlier, later in pairwise(frames):
        assert min(later) - max(earlier) > window
    if len(asked) == 1:
        assert frames[0] == {i for run in pieces if len(run) >= window for i in range(run.start, run.stop)}


def test_what_was_published_for_a_test_is_not_trained_on_where_none_is_asked_for() -> None:
    cube = clips([30] * 20, ["test"] * 4 + ["training"] * 16)
    for fractions, empty in (((0.8, 0.2, 0.0), ("test",)), ((1.0, 0.0, 0.0), ("validation", "test"))):
        parts = split(runs(cube), window=10, fractions=fractions, sequences=Sequences.of(cube))
        assert parts.basis == BY_PUBLISHER
        assert not any(names_of(cube, parts, name) for name in empty)
        assert not {f"clip00{i}" for i in range(4)} & names_of(cube, parts, "training")
    assert names_of(cube, parts, "training") == {f"clip{i:03d}" for i in range(4, 20)}


def test_many_clips_without_a_test_part() -> None:
    cube = clips([20] * 100)
    parts = split(runs(cube), window=11, fractions=(0.8, 0.2, 0.0), sequences=Sequences.of(cube))
    assert [len(names_of(cube, parts, name)) for name in PARTS] == [80, 20, 0]
    told = parts.audit(cube)["parts"]
    assert isinstance(told, dict)
    assert told["test"] == {"first": None, "last": None, "frames": 0, "sequences": 0, "runs": []}
