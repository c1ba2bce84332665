"""Reference times: found however they are told, and refused with what would do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from nowcast.errors import InputError
from nowcast.rollout import moment, reference_indices, usable_references, with_empty_marked
from nowcast.rollout.references import require_context
from nowcast.timeline import absent_frames, with_absent_frames, with_absent_marked

Maker = Callable[..., xr.DataArray]


def test_a_gap_within_the_context_is_refused_with_a_time_that_would_do(cube_maker: Maker) -> None:
    cube = cube_maker((12, 1, 4, 4)).drop_isel(time=5)
    assert usable_references(cube, 3) == [2, 3, 4, 7, 8, 9, 10]
    for index, nearest in ((5, "00:20"), (6, "00:40")):
        with pytest.raises(InputError, match="no forecast can start at") as caught:
            require_context(cube, [10, index], 3, 0)
        assert "a gap lies before them" in str(caught.value)
        assert caught.value.next_step == f"--at 2026-05-01T{nearest}:00"
    with pytest.raises(InputError, match=r"no forecast can start at 2026-05-01T00:05:00") as early:
        require_context(cube, [1], 3, 0)
    assert "gap" not in str(early.value)


@pytest.mark.parametrize("at", ["2026-05-01T00:10", "2026-05-01T00:10:00Z", "2026-05-01 00:10:00.000"])
def test_a_time_is_found_however_it_is_written(cube: xr.DataArray, at: str) -> None:
    assert reference_indices(cube, at) == [2]
    assert reference_indices(cube, np.datetime64(at.removesuffix("Z"))) == [2]


@pytest.mark.parametrize(
    ("at", "nearest"),
    [
        ("2026-05-01T00:11", "00:10:00"),
        ("2026-05-01T00:14", "00:15:00"),
        ("2030-01-01", "00:55:00"),
        ("1999", "00:00:00"),
    ],
)
def test_a_time_that_is_not_there_is_told_the_nearest_one(cube: xr.DataArray, at: str, nearest: str) -> None:
    with pytest.raises(InputError, match="no frame at") as caught:
        reference_indices(cube, at)
    assert caught.value.next_step == f"--at 2026-05-01T{nearest}"
    assert "2026-05-01T00:00:00 to 2026-05-01T00:55:00" in str(caught.value)


def test_what_is_no_time_is_told_how_a_time_looks(cube: xr.DataArray) -> None:
    with pytest.raises(InputError, match="--at 'ten past' is not a time") as caught:
        reference_indices(cube, "ten past")
    assert "2026-05-01T00:55:00" in str(caught.value)


def test_too_much_missing_is_refused_with_its_times_and_what_is_allowed(cube: xr.DataArray) -> None:
    joined = with_absent_frames(cube.drop_isel(time=[5, 6]), most=2)
    with pytest.raises(InputError, match="no forecast can start at 2026-05-01T00:30:00") as caught:
        require_context(joined, [6], 3, 1)
    assert "2 of the 3 frames up to it missing: 2026-05-01T00:25:00, 2026-05-01T00:30:00" in str(caught.value)
    assert "at most 1 may be missing" in str(caught.value)
    assert caught.value.next_step == "--at 2026-05-01T00:25:00"
    with pytest.raises(InputError, match="none of them missing"):
        require_context(joined, [5], 3, 0)
    nothing = with_absent_marked(cube, np.arange(4, 7))
    with pytest.raises(InputError, match="3 of the 3 frames up to it missing"):
        require_context(nothing, [6], 3, 3)


@pytest.mark.parametrize("lazy", [False, True])
def test_frames_without_a_value_count_as_absent_once_they_are_read(cube: xr.DataArray, lazy: bool) -> None:
    cube.values[[4, 8]] = np.nan
    cube.values[6, 0, 1:] = np.inf
    given = cube.chunk(time=4) if lazy else cube
    assert absent_frames(with_empty_marked(given, [5, 7], 3)).nonzero()[0].tolist() == [4], "8 is in none of them"
    assert absent_frames(with_empty_marked(given, [0, 11], 3)).nonzero()[0].tolist() == []
    assert with_empty_marked(given, [3], 3) is given
    assert absent_frames(given).sum() == 0


def test_a_damaged_store_is_told_when_its_frames_are_looked_at(cube: xr.DataArray, tmp_path: Path) -> None:
    cube.chunk(time=1).to_zarr(tmp_path / "rain.zarr", consolidated=False)
    for path in (tmp_path / "rain.zarr" / "rain_rate" / "c").rglob("*"):
        if path.is_file():
            path.write_bytes(b"garbage" * 5)
    with (
        xr.open_zarr(tmp_path / "rain.zarr", consolidated=False) as dataset,
        pytest.raises(InputError, match="'rain_rate'"),
    ):
        with_empty_marked(dataset["rain_rate"], [5], 3)


def test_an_absent_frame_is_found_by_about_its_time_and_a_present_one_by_its_own(cube: xr.DataArray) -> None:
    joined = with_absent_frames(cube.drop_isel(time=5), most=1)
    assert reference_indices(joined, "2026-05-01T00:25") == [5]
    assert reference_indices(joined, "2026-05-01T00:25:20") == [5]
    for at, nearest in (("2026-05-01T00:25:40", "00:30"), ("2026-05-01T00:20:10", "00:20")):
        with pytest.raises(InputError, match="no frame at") as caught:
            reference_indices(joined, at, most_missing=1)
        assert "at most 1 late or in a gap" in str(caught.value)
        assert caught.value.next_step == f"--at 2026-05-01T{nearest}:00"


def test_a_time_is_taken_to_the_nanosecond() -> None:
    """As the frames of a video at 30000/1001 a second are given."""
    at = np.datetime64("1970-01-01T00:00:03.436766667", "ns")
    cube = xr.DataArray(np.zeros((1, 1, 1, 1)), dims=("time", "channel", "y", "x"), coords={"time": [at]})
    assert moment(cube, at) == at
    assert moment(cube, "1970-01-01T01:00:03.436766667+01:00") == at
