"""Index arithmetic with integers alone: no two parts touch, no sequence is torn, published parts are kept."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from nowcast.cube import Run, runs
from nowcast.errors import InputError
from nowcast.windows import BY_PUBLISHER, BY_SEQUENCE, BY_TIME, PARTS, Sequences, Split, plan, split


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
    frames = [set(parts.frames(name)) for name in PARTS]
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


def test_published_parts_of_one_stretch_of_time(counted: Callable[..., xr.DataArray]) -> None:
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
