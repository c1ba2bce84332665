from __future__ import annotations

import pickle
import zipfile
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from nowcast import open_cube
from nowcast.cube import gaps, time_step
from nowcast.errors import InputError, UnsafeError

VALUES = np.array([[[0, 12], [-1, 300]], [[5, 6], [7, 8]]], dtype="int16")
DATES = np.array([datetime(2016, 8, 21, 0, 10), datetime(2016, 8, 21, 0, 15)], dtype=object)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    np.savez_compressed(tmp_path / "rain.npz", data=VALUES, dates=DATES, miss_dates=DATES[:0])
    lats, lons = np.meshgrid([45.0, 44.0], [4.0, 5.0], indexing="ij")
    np.savez_compressed(tmp_path / "coords.npz", lats=lats, lons=lons)
    return tmp_path


def test_pickled_dates_need_trust(folder: Path) -> None:
    with pytest.raises(UnsafeError, match="--trust-pickle"):
        open_cube(folder / "rain.npz")
    cube = open_cube(folder / "rain.npz", trust_pickle=True)
    np.testing.assert_allclose(cube.values[:, 0], np.where(VALUES < 0, np.nan, VALUES * 0.01), rtol=1e-6)
    assert cube["time"].values.astype("datetime64[m]").astype(str).tolist() == ["2016-08-21T00:10", "2016-08-21T00:15"]
    assert cube["lat"].values[:, 0].tolist() == [45, 44]
    assert cube.attrs["cell_methods"].startswith("time: sum")


class Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (open, ("/tmp/nowcast-evil", "w"))  # type: ignore[return-value]


def test_even_trusted_pickles_make_nothing_but_dates(folder: Path) -> None:
    with zipfile.ZipFile(folder / "rain.npz") as file:
        members = {name: file.read(name) for name in file.namelist()}
    start = members["dates.npy"]
    header = start[: 10 + int.from_bytes(start[8:10], "little")]
    with zipfile.ZipFile(folder / "rain.npz", "w") as file:
        for name, data in members.items():
            file.writestr(name, header + pickle.dumps([Evil()]) if name == "dates.npy" else data)
    with pytest.raises(UnsafeError, match=r"ask for .*open"):
        open_cube(folder / "rain.npz", trust_pickle=True)


def test_plain_arrays_need_no_trust(tmp_path: Path) -> None:
    times = np.array(["2026-05-01T00:00", "2026-05-01T00:05"], dtype="datetime64[s]")
    np.savez(tmp_path / "a.npz", data=VALUES.astype("float32"), time=times)
    cube = open_cube(tmp_path / "a.npz")
    np.testing.assert_array_equal(cube.values[:, 0], VALUES)
    assert time_step(cube) == 300


def test_arrays_without_times_ask_for_a_step(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", data=VALUES)
    with pytest.raises(InputError, match="--time-step 30s"):
        open_cube(tmp_path / "a.npz")
    assert time_step(open_cube(tmp_path / "a.npz", time_step="30s")) == 30


@pytest.mark.parametrize("share", [0.3, 0.7, 0.95])
def test_a_cut_file_is_told(share: float, tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", data=np.ones((5, 40, 40)))
    data = (tmp_path / "a.npz").read_bytes()
    (tmp_path / "a.npz").write_bytes(data[: int(share * len(data))])
    with pytest.raises(InputError, match=r"a\.npz"):
        open_cube(tmp_path / "a.npz", time_step="30s").compute()


def test_a_lying_shape_is_told_before_memory_is_taken(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", data=np.ones((5, 4, 4)))
    with zipfile.ZipFile(tmp_path / "a.npz") as file:
        data = file.read("data.npy").replace(b"(5, 4, 4), }      ", b"(5, 400000, 40), }")
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as file:
        file.writestr("data.npy", data)
    with pytest.raises(InputError, match="not the size that it states"):
        open_cube(tmp_path / "a.npz", time_step="30s")


def test_the_real_rain(shared_data: Path) -> None:
    cube = open_cube(next((shared_data / "radar" / "meteonet_se_201608_npz").glob("rain*.npz")), trust_pickle=True)
    assert cube.shape == (45, 1, 515, 784)
    assert time_step(cube) == 300
    assert len(gaps(cube)) == 9
    assert max(gap.seconds for gap in gaps(cube)) == pytest.approx(7.4 * 86400, rel=0.01)
    assert 0.03 < float(cube.isnull().mean()) < 0.05
