"""KTH Actions: persons decide the part, the name tells the action, frames come as 128 x 128."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from nowcast.datasets.kth import kth
from nowcast.errors import InputError, NowcastWarning
from nowcast.readers.options import Options

Film = Callable[..., Path]


def test_persons_and_actions(film: Film, tmp_path: Path) -> None:
    for number, (person, action) in enumerate([(17, "boxing"), (1, "walking"), (16, "running"), (25, "walking")]):
        film(f"{action}/person{person:02d}_{action}_d1_uncomp.avi", first=10 * number)
    cube = kth(tmp_path, Options(size="8x12"))
    told = list(zip(*(cube[name].values[::6].tolist() for name in ("sequence", "part", "label")), strict=True))
    assert told == [
        ("person01_walking_d1_uncomp", "training", "walking"),
        ("person16_running_d1_uncomp", "training", "running"),
        ("person17_boxing_d1_uncomp", "test", "boxing"),
        ("person25_walking_d1_uncomp", "test", "walking"),
    ]
    assert cube.shape == (24, 1, 8, 12)
    assert cube.values[::6, 0, 4, 4].round().tolist() == [10, 20, 0, 30]
    assert (cube.attrs["suggested_context"], cube.attrs["suggested_horizon"]) == (10, 20)


def test_real_clips(shared_data: Path) -> None:
    cube = kth(shared_data / "video" / "kth", Options())
    assert cube.shape == (325 + 460, 1, 128, 128)
    assert set(cube["part"].values) == {"training"}
    assert float(cube["time"].values[1] - cube["time"].values[0]) == 40e6
    assert set(cube["label"].values) == {"running", "boxing"}


def test_other_clips_are_left_out(film: Film, tmp_path: Path) -> None:
    film("holiday.avi")
    with pytest.raises(InputError, match="holds no clip of KTH") as caught:
        kth(tmp_path, Options())
    assert "person01_walking_d1_uncomp.avi" in str(caught.value)
    film("person02_jogging_d4_uncomp.avi")
    with pytest.warns(NowcastWarning, match="1 .avi file"):
        assert kth(tmp_path, Options(size="8x8")).sizes["time"] == 6
