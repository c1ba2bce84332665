"""UCF-101: the published lists decide the part, and where they lack the groups that they were made from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from nowcast.cube import runs, time_step
from nowcast.datasets.ucf101 import ucf101
from nowcast.errors import InputError, NowcastWarning
from nowcast.readers.options import Options

Film = Callable[..., Path]


def parts_of(cube: xr.DataArray) -> dict[str, str]:
    return dict(zip(cube["sequence"].values.tolist(), cube["part"].values.tolist(), strict=True))


@pytest.fixture
def clips(film: Film, tmp_path: Path) -> Path:
    for name in ("Archery/v_Archery_g01_c01", "Archery/v_Archery_g09_c01", "Diving/v_Diving_g15_c02"):
        film(f"UCF-101/{name}.avi")
    return tmp_path / "UCF-101"


def lists(folder: Path, split: int, training: str, test: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / f"trainlist0{split}.txt").write_text(training)
    (folder / f"testlist0{split}.txt").write_text(test)


@pytest.mark.parametrize("place", [".", "ucfTrainTestlist", "../ucfTrainTestlist"])
def test_published_lists(place: str, clips: Path) -> None:
    # Against the groups, and one name spelt otherwise than the file, as it is in the published lists.
    lists(clips / place, 1, "archery/V_ARCHERY_g01_c01.avi 1\r\n\r\n", "Diving/v_Diving_g15_c02.avi\n")
    with pytest.warns(NowcastWarning, match=r"1 .avi file.*in no list"):
        cube = ucf101(clips, Options())
    assert parts_of(cube) == {"v_Archery_g01_c01": "training", "v_Diving_g15_c02": "test"}
    assert cube["label"].values[[0, -1]].tolist() == ["Archery", "Diving"]


@pytest.mark.parametrize(
    ("split", "tested"), [(1, "v_Archery_g01_c01"), (2, "v_Archery_g09_c01"), (3, "v_Diving_g15_c02")]
)
def test_without_lists_the_groups_decide(split: int, tested: str, clips: Path) -> None:
    with pytest.warns(NowcastWarning, match=r"not at hand.*UCF101TrainTestSplits"):
        cube = ucf101(clips, Options(), split=split)
    assert [name for name, part in parts_of(cube).items() if part == "test"] == [tested]
    assert cube.attrs["published_split"] == split


def test_frames_count_at_the_published_rate(film: Film, tmp_path: Path) -> None:
    film("v_Archery_g08_c01.avi", rate=25)
    film("v_Archery_g09_c01.avi", rate=30)
    with pytest.warns(NowcastWarning, match="not at hand"):
        cube = ucf101(tmp_path, Options())
    assert time_step(cube) == 0.04
    assert [len(run) for run in runs(cube)] == [6, 6]


@pytest.mark.filterwarnings("ignore::nowcast.errors.NowcastWarning")
def test_real_clips(shared_data: Path) -> None:
    cube = ucf101(shared_data / "video" / "ucf101", Options())
    assert cube.shape == (164 + 107 + 141, 1, 240, 320)
    assert [len(run) for run in runs(cube)] == [164, 107, 141]
    assert set(cube["part"].values) == {"test"}, "groups 1 to 7 are the test of split 1"
    assert np.unique(cube["label"].values).tolist() == ["ApplyEyeMakeup", "BaseballPitch", "Basketball"]


def test_what_cannot_be(clips: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such split"):
        ucf101(clips, Options(), split=4)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="holds no clip of UCF-101"):
        ucf101(tmp_path / "empty", Options())
    lists(clips, 1, "../../../etc/passwd 1\n", "x\n")
    with pytest.raises(InputError, match="no clip is in the lists"):
        ucf101(clips, Options())
    lists(clips, 1, "x" * 5_000_001, "x\n")
    with pytest.raises(InputError, match="too large for a list"):
        ucf101(clips, Options())
