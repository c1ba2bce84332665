"""Many files: the same cube, with little of them held; memory and handles stay bounded."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path

import netCDF4
import numpy as np
import pytest
import xarray as xr
from xarray.backends.netCDF4_ import NETCDF4_PYTHON_LOCK

from nowcast.errors import InputError
from nowcast.readers import open_cube, opening
from nowcast.readers.joining.kinds import equal
from tests.readers.joining.test_along_time import clip, frame, picture


@pytest.fixture
def few_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "MANY", 2)


@pytest.mark.parametrize("packed", [False, True])
def test_the_cube_is_the_same_as_of_few_files(packed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    changes = {"dtype": "i2", "attrs": {"scale_factor": 0.5, "_FillValue": 7}} if packed else {}
    for minute in (0, 5, 7, 10):
        frame(tmp_path / f"{minute}.nc", minute, height=float(minute > 5), **changes)
    held = open_cube(tmp_path)
    monkeypatch.setattr(opening, "MANY", 2)
    cube = open_cube(tmp_path)
    xr.testing.assert_identical(cube, held)
    assert equal(cube.encoding, held.encoding)
    assert cube.chunks == held.chunks
    assert bool(cube.isnull()[2].all()) is packed
    np.testing.assert_array_equal(cube[1:3, 0, ::2, 1].values, held[1:3, 0, ::2, 1].values)
    np.testing.assert_array_equal(cube.chunk(time=3).isel(time=slice(None, None, 2)).values, held.values[::2])


def test_series_and_clips_are_stacked_too(few_held: None, tmp_path: Path) -> None:
    for number in (0, 2, 10, 1):
        picture(tmp_path / "series" / f"t{number}.png", number)
    assert open_cube(tmp_path / "series", time_step="1s").values[:, 0, 0, 0].tolist() == [0, 1, 2, 10]
    cube = open_cube([clip(tmp_path / f"c{number}.nc", number, 2 + number) for number in range(3)], time_step="1s")
    assert cube.values[:, 0, 0, 0].tolist() == [0, 1, 1, 2, 3, 2, 3, 4, 5]
    assert cube["sequence"].values.tolist() == ["c0"] * 2 + ["c1"] * 3 + ["c2"] * 4


def test_a_lazy_cube_travels_to_other_processes(few_held: None, tmp_path: Path) -> None:
    cube = open_cube([frame(tmp_path / f"{minute}.nc", minute) for minute in range(4)])
    assert pickle.loads(pickle.dumps(cube)).values[:, 0, 0, 0].tolist() == [0, 1, 2, 3]


def test_a_file_that_vanishes_meanwhile_is_told(few_held: None, tmp_path: Path) -> None:
    paths = [clip(tmp_path / f"c{number}.nc", number) for number in range(3)]
    cube = open_cube(paths, time_step="1s")
    paths[1].unlink()
    with pytest.raises(InputError, match=r"c1\.nc"):
        cube.values  # noqa: B018


@pytest.mark.slow
def test_four_hundred_files_with_256_handles(tmp_path: Path) -> None:
    for number in range(400):
        # the NetCDF library is not safe in threads, and a thread of dask's may be closing a file of an earlier test
        with NETCDF4_PYTHON_LOCK, netCDF4.Dataset(tmp_path / f"f{number}.nc", "w") as file:
            for name, size in (("time", 1), ("y", 3), ("x", 4)):
                file.createDimension(name, size)
            time = file.createVariable("time", "i4", ("time",))
            time.units = "minutes since 2020-01-01"
            time[:] = number
            file.createVariable("v", "f4", ("time", "y", "x"))[:] = number
    program = """
import os, resource
resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))
from nowcast.readers import open_cube
cube = open_cube("f*.nc")
assert cube.values[:, 0, 0, 0].tolist() == list(range(400))
print(len(os.listdir("/proc/self/fd")))
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 200
