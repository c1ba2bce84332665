"""Absent frames get their places; what is present stays as it is, bit for bit."""

from __future__ import annotations

from collections.abc import Callable

import dask
import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from nowcast.cube import check, runs, time_step
from nowcast.timeline import absent_frames, with_absent_frames, with_absent_marked

Maker = Callable[..., xr.DataArray]
START = np.datetime64("2026-05-01", "ns")
SECOND = np.timedelta64(1, "s")


def clips_of(lengths: list[int], drop: frozenset[int], *, seconds: float = 300.0, jitter: int = 0) -> xr.DataArray:
    """Clips that each begin at the same hour, their frames noise, some of them dropped, times off by `jitter` s."""
    random = np.random.default_rng(len(drop) + jitter)
    count = sum(lengths)
    place = np.concatenate([np.arange(length) for length in lengths])
    times = (
        START + (place * seconds * 1e9).astype("timedelta64[ns]") + random.integers(-jitter, jitter + 1, count) * SECOND
    )
    whole = xr.DataArray(
        random.random((count, 1, 2, 3), dtype=np.float32),
        dims=("time", "channel", "y", "x"),
        coords={"time": times, "sequence": ("time", np.repeat(np.arange(len(lengths)), lengths))},
        name="rain",
    )
    return whole.assign_coords(number=("time", place)).isel(time=[i for i in range(count) if i not in drop])


@given(
    st.lists(st.integers(1, 14), min_size=1, max_size=4),
    st.frozensets(st.integers(0, 40), max_size=12),
    st.integers(1, 4),
    st.sampled_from([(300.0, 0), (300.0, 1), (0.04, 0), (1 / 29.97, 0)]),
    st.booleans(),
)
def test_what_is_dropped_gets_its_place_and_what_is_there_stays(
    lengths: list[int], drop: frozenset[int], most: int, timing: tuple[float, int], lazy: bool
) -> None:
    seconds, jitter = timing
    cube = clips_of(lengths, drop, seconds=seconds, jitter=jitter)
    number, sequence = cube["number"].values, cube["sequence"].values
    inner = np.diff(number)[sequence[1:] == sequence[:-1]]
    if not len(inner) or np.bincount(inner).argmax() != 1:
        return  # the step of what is left is another one
    result = with_absent_frames(cube.chunk(time=3) if lazy else cube, most=most)
    absent = absent_frames(result)
    present = result.isel(time=~absent).drop_vars("absent", errors="ignore")
    assert present.values.tobytes() == cube.values.tobytes()
    xr.testing.assert_identical(present.compute(), cube)
    assert np.isnan(result.values[absent]).all()
    expected = [
        (int(sequence[i]), int(number[i]) + k)
        for i in range(len(number) - 1)
        if sequence[i] == sequence[i + 1] and number[i + 1] - number[i] <= most + 1
        for k in range(1, number[i + 1] - number[i])
    ]
    found = result.isel(time=absent)
    exact = [START + np.timedelta64(int(place * seconds * 1e9), "ns") for _, place in expected]
    assert found["sequence"].values.tolist() == [clip for clip, _ in expected]
    assert (np.abs(found["time"].values - np.array(exact, "M8[ns]")) <= np.timedelta64(jitter, "s") + 2).all()
    check(result)
    long = int((inner > most + 1).sum())
    assert len(runs(result)) == len(set(sequence.tolist())) + long, "a run ends at a long gap or another sequence"


@given(st.frozensets(st.integers(1, 18), max_size=9), st.integers(1, 3))
def test_doing_it_again_changes_nothing(drop: frozenset[int], most: int) -> None:
    cube = clips_of([20], drop)
    once = with_absent_frames(cube, most=most)
    assert with_absent_frames(once, most=most, step=time_step(cube)) is once


def test_times_are_exact_and_the_step_stays() -> None:
    cube = clips_of([12], frozenset({3, 4, 8}))
    result = with_absent_frames(cube, most=2)
    assert absent_frames(result).nonzero()[0].tolist() == [3, 4, 8]
    np.testing.assert_array_equal(result["time"].values, clips_of([12], frozenset())["time"].values)
    assert time_step(result) == 300.0
    assert len(runs(result)) == 1
    assert absent_frames(with_absent_frames(cube, most=1)).nonzero()[0].tolist() == [6]


def test_without_an_absent_frame_it_is_the_very_cube(cube: xr.DataArray) -> None:
    assert with_absent_frames(cube, most=5) is cube
    assert with_absent_frames(cube.drop_isel(time=5), most=0).sizes["time"] == 11
    assert with_absent_frames(cube[:1], most=5).sizes["time"] == 1
    assert not absent_frames(cube).any()


@pytest.mark.parametrize(("seconds", "filled"), [(600, 1), (625, 1), (570, 1), (635, 0), (450, 0), (900, 2), (1200, 0)])
def test_a_gap_that_is_no_whole_multiple_or_too_long_stays_one(cube: xr.DataArray, seconds: int, filled: int) -> None:
    time = cube["time"].values.copy()
    time[6:] += (seconds - 300) * SECOND
    gapped = cube.assign_coords(time=time)
    result = with_absent_frames(gapped, most=2)
    assert absent_frames(result).sum() == filled
    assert len(runs(result)) == (1 if filled else 2)
    steps = np.diff(result["time"].values)[5 : 6 + filled] / SECOND
    assert steps.sum() == seconds
    assert np.ptp(steps) <= 1e-6


@pytest.mark.parametrize(
    ("seconds", "late"), [(-600, 0), (0, 0), (269, 0), (271, 1), (300, 1), (569, 1), (571, 2), (600, 2), (86400, 2)]
)
def test_late_frames_come_behind_the_last_one(cube: xr.DataArray, seconds: int, late: int) -> None:
    last = cube["time"].values[-1]
    result = with_absent_frames(cube, most=2, until=last + seconds * SECOND)
    assert absent_frames(result).nonzero()[0].tolist() == [12, 13][:late]
    np.testing.assert_array_equal(result["time"].values[12:], last + np.arange(1, late + 1) * 300 * SECOND)


def test_a_single_frame_can_be_late_where_the_step_is_told(cube: xr.DataArray) -> None:
    until = cube["time"].values[1]
    assert with_absent_frames(cube[:1], most=1, until=until).sizes["time"] == 1
    np.testing.assert_array_equal(
        with_absent_frames(cube[:1], most=1, until=until, step=300.0)["time"], cube["time"][:2]
    )


@pytest.mark.parametrize(
    ("dtype", "becomes"),
    [
        ("bool", "float32"),
        ("uint8", "float32"),
        ("int16", "float32"),
        ("uint16", "float32"),
        ("int32", "float64"),
        ("float16", "float16"),
        ("float32", "float32"),
        ("float64", "float64"),
    ],
)
@pytest.mark.parametrize("lazy", [False, True])
def test_integers_become_what_holds_them_and_nan(cube: xr.DataArray, dtype: str, becomes: str, lazy: bool) -> None:
    top = 1 if dtype == "bool" else np.iinfo(dtype).max if dtype[0] in "iu" else 3
    cube = xr.full_like(cube, top, dtype=dtype).drop_isel(time=4)
    result = with_absent_frames(cube.chunk(time=2) if lazy else cube, most=1)
    assert result.dtype == becomes
    assert (result.values[5:] == top).all()
    assert np.isnan(result.values[4]).all()


def test_lazy_stays_lazy_and_an_absent_frame_is_not_read(cube: xr.DataArray) -> None:
    lazy = cube.drop_isel(time=4).chunk(time=1)
    read: list[int] = []
    lazy = lazy.copy(
        data=lazy.data.map_blocks(lambda block: read.append(1) or block, dtype=lazy.dtype, meta=lazy.data._meta)
    )
    result = with_absent_frames(lazy, most=1)
    assert dask.is_dask_collection(result.data)
    assert result.data.chunks[0] == (1,) * 12
    assert read == []
    result[4].compute()
    assert read == []


def test_the_story_is_kept_and_labels_are_those_of_the_frame_before(cube: xr.DataArray) -> None:
    cube = cube.assign_coords(
        part=("time", ["training"] * 5 + ["test"] * 7), exposure=("time", np.arange(12.0), {"units": "s"})
    )
    cube.encoding = {"source": "/data/radar.nc", "dtype": "int16"}
    cube["time"].encoding = {"units": "minutes since 2000-01-01"}
    cube["time"].attrs["counted_from"] = "first frame"
    before = cube.drop_isel(time=4).copy(deep=True)
    result = with_absent_frames(before, most=1, until=cube["time"].values[-1] + 300 * SECOND)
    assert result.name == cube.name
    assert result.attrs == cube.attrs
    assert result.encoding == cube.encoding
    assert result["time"].attrs == cube["time"].attrs
    assert result["time"].encoding == cube["time"].encoding
    assert result["part"].values.tolist() == ["training"] * 5 + ["test"] * 8
    assert result["exposure"].values.tolist() == [0, 1, 2, 3, 3, 5, 6, 7, 8, 9, 10, 11, 11]
    assert result["exposure"].attrs == {"units": "s"}
    for name in ("y", "x", "crs"):
        assert result[name].variable.identical(cube[name].variable)
    assert "absent" not in before.coords
    xr.testing.assert_identical(before, cube.drop_isel(time=4))


def test_frames_marked_earlier_stay_marked(cube: xr.DataArray) -> None:
    marked = with_absent_marked(cube, np.array([2]))
    assert "absent" not in cube.coords
    assert absent_frames(with_absent_marked(marked, np.array([7]))).nonzero()[0].tolist() == [2, 7]
    assert absent_frames(marked).nonzero()[0].tolist() == [2]
    gapped = marked.drop_isel(time=4)
    assert absent_frames(with_absent_frames(gapped, most=1)).nonzero()[0].tolist() == [2, 4]
    assert absent_frames(gapped).nonzero()[0].tolist() == [2]
    assert not absent_frames(cube.assign_coords(absent=("time", np.ones(12)))).any(), "another's word for another thing"
