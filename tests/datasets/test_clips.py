"""Files become sequences of one cube: training first, test last, each frame where it belongs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from nowcast.cube import runs
from nowcast.datasets.clips import Clip, find_clips, one_cube, with_defaults
from nowcast.errors import InputError
from nowcast.readers.options import Options

Film = Callable[..., Path]


def test_sequences_in_the_order_of_their_parts(film: Film) -> None:
    clips = [
        Clip((film("a.avi", frames=3, first=10),), "a", "test", "walking"),
        Clip((film("b.avi", frames=4, first=20),), "b", "training", "running"),
        Clip((film("c.avi", frames=2, first=30),), "c", "validation", "walking"),
    ]
    cube = one_cube(clips, Options())
    assert cube.values[:, 0, 0, 0].tolist() == [20, 21, 22, 23, 30, 31, 10, 11, 12]
    assert cube["sequence"].values.tolist() == list("bbbbccaaa")
    assert cube["label"].values.tolist() == ["running"] * 4 + ["walking"] * 5
    assert cube["part"].values.tolist() == ["training"] * 4 + ["validation"] * 2 + ["test"] * 3
    assert [len(run) for run in runs(cube)] == [4, 2, 3]
    assert cube["time"].attrs["counted_from"] == "first frame"


def test_a_step_for_all(film: Film) -> None:
    clips = [Clip((film(f"{rate}.avi", rate=rate),), str(rate)) for rate in (25, 30)]
    assert len(runs(one_cube(clips, Options()))) > 2, "two rates: those of one are no neighbours by the other's step"
    assert [len(run) for run in runs(one_cube(clips, Options(), step=0.04))] == [6, 6]
    assert "part" not in one_cube(clips, Options()).coords


def test_clips_that_do_not_fit(film: Film) -> None:
    one, other = film("a.avi"), film("b.avi", size=(20, 24))
    with pytest.raises(InputError, match=r"b.avi: clips of different kinds") as caught:
        one_cube([Clip((one,), "a"), Clip((other,), "b")], Options())
    assert "--size" in str(caught.value)
    with pytest.raises(InputError, match="two clips are named 'a'"):
        one_cube([Clip((one,), "a"), Clip((one,), "a")], Options())


def test_clips_are_found_by_suffix_and_name(tmp_path: Path) -> None:
    for name in ("b/2.avi", "a/10.AVI", "1.avi", ".hidden.avi", "1.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert [path.name for path in find_clips(tmp_path, ".avi")] == ["1.avi", "10.AVI", "2.avi"]


def test_a_dataset_s_ways_give_way_to_the_user_s() -> None:
    told = with_defaults(Options(size="64x64"), size="128x128", time_step="5min")
    assert (told.size, told.time_step, told.pixel_size) == ("64x64", "5min", None)
    assert np.all([with_defaults(Options(), size="8x8").shape() == (8, 8)])
