"""Where spectra are taken, and that their sums are those of `power_spectrum`."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from nowcast.errors import InputError
from nowcast.verification import power_spectrum
from nowcast.verification.adding.spectra import Spectra, central_area, checked_area


def grid(rows: int = 40, columns: int = 50) -> xr.DataArray:
    return xr.DataArray(
        np.random.default_rng(1).random((3, 1, rows, columns), dtype=np.float32),
        dims=("time", "channel", "y", "x"),
        coords={
            "time": np.datetime64("2026-05-01", "ns") + np.arange(3) * np.timedelta64(5, "m"),
            "y": ("y", 2.0 * np.arange(rows), {"units": "km"}),
            "x": ("x", 2.0 * np.arange(columns), {"units": "km"}),
        },
    )


def test_the_sums_are_of_power_spectra() -> None:
    cube = grid()
    frames = cube.values[:, 0]
    spectra = Spectra(cube, forecasters=2, leads=2, area=None)
    assert spectra.empty_row() == {}
    assert spectra.coords() == {}
    spectra.see([np.ones((40, 50), dtype=bool)])
    assert spectra.area == (0, 40, 0, 50)
    row = spectra.empty_row()
    for _ in range(2):
        spectra.add(row, 1, frames[0], [(frames[1], frames[1]), (frames[2], frames[0])], np.ones((40, 50), dtype=bool))
    expected = power_spectrum(cube)
    assert row["spectrum_frames"].tolist() == [0, 2]
    np.testing.assert_allclose(row["power_observed"][1], 2 * expected[0, 0], rtol=1e-12)
    np.testing.assert_allclose(row["power"][:, 1], 2 * expected[1:, 0], rtol=1e-12)
    np.testing.assert_allclose(row["power_matched"][:, 1], 2 * expected[[1, 0], 0], rtol=1e-12)
    assert not row["power"][:, 0].any()
    xr.testing.assert_identical(xr.Dataset(coords=spectra.coords()), expected.coords.to_dataset().drop_dims("time"))


def test_a_frame_with_a_missing_pixel_in_the_area_is_left_out() -> None:
    cube = grid()
    frame = cube.values[0, 0]
    spectra = Spectra(cube, forecasters=1, leads=1, area=(0, 32, 2, 40))
    row = spectra.empty_row()
    valid = np.ones((40, 50), dtype=bool)
    valid[35, 10] = valid[5, 45] = False
    spectra.add(row, 0, frame, [(frame, frame)], valid)
    assert row["spectrum_frames"].tolist() == [1]
    valid[31, 2] = False
    spectra.add(row, 0, frame, [(frame, frame)], valid)
    assert row["spectrum_frames"].tolist() == [1]


def test_the_area_is_chosen_once_and_frames_without_a_pixel_do_not_matter() -> None:
    spectra = Spectra(grid(), forecasters=1, leads=1, area=None)
    small = np.zeros((40, 50), dtype=bool)
    small[:20, :20] = True
    spectra.see([small])
    assert spectra.area is None
    mask = np.ones((40, 50), dtype=bool)
    mask[:, :6] = False
    spectra.see([np.zeros_like(mask), mask])
    assert spectra.area == (0, 40, 6, 50)
    spectra.see([np.ones_like(mask)])
    assert spectra.area == (0, 40, 6, 50)


@pytest.mark.parametrize("seed", range(6))
def test_the_area_is_the_largest_about_the_centre(seed: int) -> None:
    random = np.random.default_rng(seed)
    rows, columns = 60 + seed, 71
    row, column = np.mgrid[:rows, :columns]
    reach = np.hypot(row - rows / 2, column - columns / 2)
    mask = random.random((rows, columns)) < 1.3 - reach / 60
    mask[0, 0] = mask[-1, -1] = True
    top, bottom, left, right = 0, 2 * (rows // 2), 0, 2 * (columns // 2)
    best = 0
    for down in range(rows // 2):
        for across in range(columns // 2):
            if mask[top + down : bottom - down, left + across : right - across].all():
                best = max(best, (bottom - top - 2 * down) * (right - left - 2 * across))
    found = central_area(mask)
    if found is None:
        assert best < 32 * (columns + rows)
    else:
        assert mask[found[0] : found[1], found[2] : found[3]].all()
        assert (found[1] - found[0]) * (found[3] - found[2]) == best


def test_a_disc_of_radar_gives_a_square_within() -> None:
    row, column = np.mgrid[:100, :100] - 49.5
    found = central_area(np.hypot(row, column) < 50)
    assert found is not None
    assert found[1] - found[0] == pytest.approx(70, abs=4)
    assert found[0] == 100 - found[1]
    assert central_area(np.zeros((40, 40), dtype=bool)) is None
    assert central_area(np.ones((31, 100), dtype=bool)) is None
    assert central_area(np.eye(64, dtype=bool)) is None
    line = np.zeros((64, 64), dtype=bool)
    line[5] = True
    assert central_area(line) is None


@pytest.mark.parametrize("area", [(0, 31, 0, 40), (-1, 39, 0, 40), (0, 41, 0, 40), (0, 40, 0), (30, 5, 0, 50)])
def test_an_area_that_cannot_be_used_is_refused(area: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="spectrum_area"):
        checked_area(area, grid())


def test_an_area_is_whole_numbers() -> None:
    assert checked_area(np.array([0, 40, 10, 50]), grid()) == (0, 40, 10, 50)
    assert checked_area(None, grid()) is None
