"""Cell Tracking Challenge: folders are sequences, ground truth is none of them, and steps are known by the name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from nowcast.cube import runs, time_step
from nowcast.datasets.ctc import ctc
from nowcast.errors import InputError
from nowcast.readers.options import Options


def frames(folder: Path, count: int, *, first: int = 0, shape: tuple[int, ...] = (8, 10)) -> None:
    folder.mkdir(parents=True)
    for number in range(count):
        tifffile.imwrite(folder / f"t{number:03d}.tif", np.full(shape, first + number, np.uint16))


def test_sequences_by_folder(tmp_path: Path) -> None:
    place = tmp_path / "Fluo-N2DL-HeLa"
    frames(place / "01", 12)
    frames(place / "02", 3, first=100)
    frames(place / "01_GT", 5, first=200)
    cube = ctc(place, Options())
    assert cube.shape == (15, 1, 8, 10)
    assert cube.values[:, 0, 0, 0].tolist() == [*range(12), 100, 101, 102]
    assert cube["sequence"].values.tolist() == ["01"] * 12 + ["02"] * 3
    assert [len(run) for run in runs(cube)] == [12, 3]
    assert time_step(cube) == 1800, "30 minutes, as published"
    np.testing.assert_allclose(np.diff(cube["x"].values), 0.645)
    assert cube["x"].attrs["units"] == "um"


def test_one_sequence_alone(tmp_path: Path) -> None:
    frames(tmp_path / "PhC-C2DH-U373" / "01", 4)
    cube = ctc(tmp_path / "PhC-C2DH-U373" / "01", Options(time_step="10min"))
    assert time_step(cube) == 600, "what is typed wins over what is known of the name"
    assert cube["sequence"].values.tolist() == ["01"] * 4


def test_an_unknown_name_needs_a_time_step(tmp_path: Path) -> None:
    frames(tmp_path / "cells" / "01", 4)
    with pytest.raises(InputError, match="how far apart") as caught:
        ctc(tmp_path / "cells", Options())
    assert "--time-step" in str(caught.value)
    assert time_step(ctc(tmp_path / "cells", Options(time_step="2min"))) == 120


def test_planes_are_projected_as_asked(tmp_path: Path) -> None:
    (tmp_path / "01").mkdir()
    for number in range(3):
        stack = np.stack([np.full((8, 10), 10 * plane + number, np.uint16) for plane in range(4)])
        tifffile.imwrite(tmp_path / "01" / f"t{number:03d}.tif", stack, photometric="minisblack")
    told = {"time_step": "1min", "axes": "ZYX"}
    assert ctc(tmp_path, Options(z="max", **told)).values[:, 0, 0, 0].tolist() == [30, 31, 32]
    assert ctc(tmp_path, Options(z=1, **told)).values[:, 0, 0, 0].tolist() == [10, 11, 12]
    with pytest.raises(InputError, match=r"--z|plane|axes"):
        ctc(tmp_path, Options(**told))


def test_sequences_of_two_sizes(tmp_path: Path) -> None:
    frames(tmp_path / "Fluo-N2DH-SIM+" / "01", 3)
    frames(tmp_path / "Fluo-N2DH-SIM+" / "02", 3, shape=(9, 10))
    with pytest.raises(InputError, match="different kinds"):
        ctc(tmp_path / "Fluo-N2DH-SIM+", Options())


def test_what_is_no_challenge(tmp_path: Path) -> None:
    (tmp_path / "01_GT").mkdir()
    with pytest.raises(InputError, match="holds no sequence"):
        ctc(tmp_path, Options(time_step="1min"))
