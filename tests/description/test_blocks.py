from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from nowcast import open_cube
from nowcast.datasets import advected_echoes
from nowcast.description.blocks import suspicious_blocks


@pytest.fixture
def picture() -> xr.DataArray:
    """Eight frames of smooth clouds between 100 and 300."""
    row, column = np.indices((120, 160))
    frames = [200 + 50 * np.sin((row + 4 * t) / 9) + 50 * np.cos((column - 3 * t) / 13) for t in range(8)]
    times = np.datetime64("2026-05-01", "ns") + np.arange(8) * np.timedelta64(5, "m")
    data = np.round(np.stack(frames)).astype("int16")[:, None]
    return xr.DataArray(data, dims=("time", "channel", "y", "x"), coords={"time": times}, name="clouds")


def test_clouds_alone_are_no_blocks(picture: xr.DataArray) -> None:
    assert suspicious_blocks(picture) == []


def test_a_dropped_block_is_told_by_its_frame(picture: xr.DataArray) -> None:
    picture.values[3, 0, 40:90, 20:120] = 0
    (told,) = suspicious_blocks(picture.chunk({"time": 3, "y": 50}))
    assert told.startswith("1 frame(s)")
    assert "3 (2026-05-01T00:15:00, 26%)" in told
    assert "--missing-value 0" in told


def test_a_block_in_all_frames_is_told_once(picture: xr.DataArray) -> None:
    picture.values[:, 0, 100:, :60] = 0
    (told,) = suspicious_blocks(picture)
    assert told.startswith("6.2% of the field is exactly 0 in every frame")


def test_a_fixed_block_and_a_dropped_one_are_two_things(picture: xr.DataArray) -> None:
    picture.values[:, 0, 100:, :60] = 0
    picture.values[5, 0, :40] = 0
    dropped, fixed = suspicious_blocks(picture)
    assert "1 frame(s)" in dropped
    assert "5 (" in dropped
    assert "every frame" in fixed


def test_dry_areas_are_no_blocks() -> None:
    assert suspicious_blocks(advected_echoes(frames=12, size=96, seed=3)) == []


def test_the_dropped_blocks_of_a_real_satellite_archive(shared_data: Path) -> None:
    told = suspicious_blocks(open_cube(shared_data / "satellite" / "seviri_rss_ir016_20200401" / "sat_data.zarr"))
    assert len(told) == 2
    assert told[0].startswith("3 frame(s)")
    for part in ("4 (2020-04-01T12:20:00, 26%)", "10 (2020-04-01T12:50:00, 42%)", "22 (2020-04-01T13:50:00, 12%)"):
        assert part in told[0]
    assert told[1].startswith("5.9% of the field")


def test_a_real_radar_has_none(melbourne: list[Path]) -> None:
    assert suspicious_blocks(open_cube(melbourne[::6])) == []
