"""The event index: the mean of the statistic over each window, from one pass, whatever the chunks and the gaps."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from nowcast.sampling import event_index
from nowcast.sampling.statistics import motion
from nowcast.windows import plan

Maker = Callable[..., xr.DataArray]


def amount(frames: np.ndarray, before: np.ndarray | None) -> np.ndarray:
    return frames.mean(axis=1)


def field(shape: tuple[int, int, int, int], seed: int, missing: float) -> xr.DataArray:
    rng = np.random.default_rng(seed)
    values = rng.gamma(0.5, 2.0, shape).astype("float32")
    values[rng.random(shape) < missing] = np.nan
    time = np.datetime64("2026-01-01", "ns") + np.arange(shape[0]) * np.timedelta64(300, "s")
    return xr.DataArray(values, dims=("time", "channel", "y", "x"), coords={"time": time}, name="rain_rate")


@settings(max_examples=60)
@given(
    shape=st.tuples(st.integers(6, 30), st.integers(1, 2), st.integers(2, 9), st.integers(2, 9)),
    seed=st.integers(0, 99),
    missing=st.sampled_from([0.0, 0.3, 1.0]),
    drop=st.sets(st.integers(7, 20), max_size=3),
    chunk=st.integers(1, 8),
    memory=st.sampled_from([1, 5000, 10**9]),
    stride=st.integers(1, 9),
)
def test_it_is_the_mean_over_each_window(
    shape: tuple[int, int, int, int],
    seed: int,
    missing: float,
    drop: set[int],
    chunk: int,
    memory: int,
    stride: int,
) -> None:
    cube = field(shape, seed, missing).drop_isel(time=np.array([frame for frame in drop if frame < shape[0]], int))
    chosen = plan(cube, context=2, horizon=3, patch=2, patch_stride=1, stride=stride)
    index = event_index(cube.chunk(time=chunk), chosen, amount, memory=memory)
    for number in range(len(chosen)):
        time, y, x = chosen[number]
        window = cube.values[time, :, y, x].mean(axis=1)
        known = np.isfinite(window)
        start, corner = divmod(number, len(chosen.corners))
        assert index.observed[start, corner] == known.any()
        expected = window[known].mean() if known.any() else 0
        assert index.importance[start, corner] == pytest.approx(expected, rel=1e-5, abs=1e-6)


def test_each_frame_is_read_once_and_only_those_of_windows(cube_maker: Maker) -> None:
    import dask.array as da

    cube = cube_maker((40, 1, 4, 4))
    reads: list[int] = []

    def noted(block: np.ndarray, block_info: object = None) -> np.ndarray:
        if block_info:
            reads.append(block_info[0]["chunk-location"][0])  # type: ignore[index]
        return block

    lazy = cube.copy(data=da.map_blocks(noted, da.from_array(cube.values, chunks=(1, 1, 4, 4)), dtype="float32"))
    part = plan(cube, context=2, horizon=2, within=plan_runs())
    event_index(lazy, part, amount, memory=3000)
    assert sorted(reads) == [*range(5, 12), *range(20, 30)]


def plan_runs() -> list:
    from nowcast.cube import Run

    return [Run(5, 12), Run(20, 30)]


def test_the_first_frame_of_a_sequence_has_not_moved_since_another_one(cube_maker: Maker) -> None:
    cube = field((10, 1, 4, 4), 0, 0.0).assign_coords(sequence=("time", np.repeat([0, 1], 5)))
    chosen = plan(cube, context=3, horizon=2)  # windows of the one end where those of the other begin
    assert chosen.starts == (0, 5)
    change = np.abs(np.diff(cube.values, axis=0)).mean(axis=(1, 2, 3))
    index = event_index(cube, chosen, motion)
    assert index.importance[:, 0] == pytest.approx([change[:4].mean(), change[5:].mean()], rel=1e-5)


def test_motion_goes_on_over_blocks_and_stops_at_gaps(cube_maker: Maker) -> None:
    cube = field((12, 1, 4, 4), 0, 0.0).drop_isel(time=5)
    chosen = plan(cube, context=2, horizon=1)
    pieces = [event_index(cube.chunk(time=2), chosen, motion, memory=memory) for memory in (1, 10**9)]
    np.testing.assert_allclose(pieces[0].importance, pieces[1].importance, rtol=1e-6)
    change = np.abs(np.diff(cube.values, axis=0)).mean(axis=(1, 2, 3))
    assert pieces[0].importance[0, 0] == pytest.approx(change[:2].mean(), rel=1e-5)
    assert pieces[0].importance[1, 0] == pytest.approx(change[:3].mean(), rel=1e-5)
