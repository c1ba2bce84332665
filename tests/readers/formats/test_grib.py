from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nowcast.errors import InputError
from nowcast.readers import open_cube

eccodes = pytest.importorskip("eccodes", reason="the extra grib is not installed")


def write(path: Path, *frames: np.ndarray, minutes: int = 10) -> Path:
    """Regular latitudes and longitudes, north first; a bitmap where a value is NaN."""
    with path.open("wb") as file:
        for index, values in enumerate(frames):
            handle = eccodes.codes_grib_new_from_samples("regular_ll_sfc_grib2")
            rows, columns = values.shape
            said = {
                "Ni": columns, "Nj": rows, "dataDate": 20260501, "dataTime": 1200 + index * minutes,
                "latitudeOfFirstGridPointInDegrees": 60.0, "longitudeOfFirstGridPointInDegrees": 5.0,
                "latitudeOfLastGridPointInDegrees": 60.0 - 0.5 * (rows - 1),
                "longitudeOfLastGridPointInDegrees": 5.0 + 0.5 * (columns - 1),
                "iDirectionIncrementInDegrees": 0.5, "jDirectionIncrementInDegrees": 0.5,
                "bitmapPresent": 1, "missingValue": 9999, "bitsPerValue": 24,
            }  # fmt: skip
            for key, value in said.items():
                eccodes.codes_set(handle, key, value)
            eccodes.codes_set_values(handle, np.where(np.isnan(values), 9999, values).astype(float).ravel())
            eccodes.codes_write(handle, file)
            eccodes.codes_release(handle)
    return path


FRAMES = np.arange(3 * 4 * 5, dtype=float).reshape(3, 4, 5)


@pytest.mark.parametrize("count", [1, 3])
def test_times_places_and_values(count: int, tmp_path: Path) -> None:
    frames = FRAMES[:count].copy()
    frames[0, 2, 3] = np.nan
    cube = open_cube(write(tmp_path / "a.grib2", *frames))
    np.testing.assert_allclose(cube.values[:, 0], frames, atol=1e-4)
    assert cube["time"].values[0] == np.datetime64("2026-05-01T12:00")
    assert cube["y"].values.tolist() == [60, 59.5, 59, 58.5]
    assert cube["x"].values[[0, -1]].tolist() == [5, 7]
    assert [file.name for file in tmp_path.iterdir()] == ["a.grib2"]


@pytest.mark.parametrize("keep", [10, 60, -5, -1])
def test_a_cut_message_is_refused(keep: int, tmp_path: Path) -> None:
    path = write(tmp_path / "a.grib2", *FRAMES)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(InputError, match="damaged, message"):
        open_cube(path)


def test_sections_that_do_not_fit_are_refused_before_eccodes_meets_them(tmp_path: Path) -> None:
    """ecCodes 2 frees memory twice for some of these, which ends the process."""
    path = write(tmp_path / "a.grib2", *FRAMES)
    whole = bytearray(path.read_bytes())
    open_cube(path)
    section = 16  # the first one's length, four bytes, and its number
    for place, value in ((section + 3, 200), (section, 1), (section + 4, 3), (section + 4, 9)):
        damaged = bytearray(whole)
        damaged[place] = value
        path.write_bytes(damaged)
        with pytest.raises(InputError, match="sections of message 0 do not fit together"):
            open_cube(path)


def test_grib_1_is_read_and_its_sections_are_looked_at(tmp_path: Path) -> None:
    path = tmp_path / "a.grib1"
    handle = eccodes.codes_grib_new_from_samples("regular_ll_sfc_grib1")
    with path.open("wb") as file:
        eccodes.codes_write(handle, file)
    eccodes.codes_release(handle)
    assert open_cube(path).ndim == 4
    damaged = bytearray(path.read_bytes())
    damaged[8 + 2] += 1
    path.write_bytes(damaged)
    with pytest.raises(InputError, match="do not fit together"):
        open_cube(path)
