"""The frontier: every pixel of every window is the one that the plan names; what is missing weighs nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import xarray as xr

from nowcast.cube import Run
from nowcast.errors import InputError
from nowcast.scaling import Scaler
from nowcast.tensors import ShuffledByEpoch, Windows, load, loader, to_context
from nowcast.windows import WindowPlan, plan

Maker = Callable[..., xr.DataArray]
AS_IT_IS = Scaler("unit", 0.0, 1.0)
"""Values stay what they are, so that a pixel tells where it came from."""

MEMORY = pytest.mark.parametrize("memory", [2_000_000_000, 0], ids=["in memory", "window by window"])


@pytest.fixture
def gappy(cube_maker: Maker) -> xr.DataArray:
    """Two channels of counters with a hole in time: frames 0-7, then 9-15."""
    return cube_maker((16, 2, 9, 11)).drop_isel(time=8).chunk(time=4)


def cut(cube: xr.DataArray) -> WindowPlan:
    return plan(cube, context=3, horizon=2, patch=(4, 5), patch_stride=3)


@MEMORY
def test_every_pixel_of_every_window_is_the_one_that_the_plan_names(gappy: xr.DataArray, memory: int) -> None:
    chosen = cut(gappy)
    windows = Windows(gappy, chosen, AS_IT_IS, masked=False, memory=memory)
    assert len(windows) == len(chosen) == (4 + 3) * 3 * 3
    numbers = [*range(8), *range(9, 16)]
    for index in range(len(windows)):
        context, target, weight = windows[index]
        time, y, x = chosen[index]
        frame, channel, row, column = np.meshgrid(
            numbers[time], range(2), range(y.start, y.stop), range(x.start, x.stop), indexing="ij"
        )
        expected = 1000 * frame + 100 * channel + 10 * row + column
        np.testing.assert_array_equal(context, expected[:3])
        np.testing.assert_array_equal(target, expected[3:])
        assert context.dtype == target.dtype == weight.dtype == torch.float32
        assert (weight == 1).all()


@MEMORY
def test_a_part_that_begins_late_gives_its_own_frames(cube_maker: Maker, memory: int) -> None:
    cube = cube_maker((30, 1, 4, 4))
    late = plan(cube, context=2, horizon=1, within=[Run(11, 16), Run(20, 24)])
    windows = Windows(cube, late, AS_IT_IS, masked=False, memory=memory)
    assert len(windows) == 5
    for index, start in enumerate((11, 12, 13, 20, 21)):
        np.testing.assert_array_equal(windows[index].context, cube[start : start + 2])
        np.testing.assert_array_equal(windows[index].target, cube[start + 2 : start + 3])


@pytest.mark.parametrize("masked", [False, True])
def test_in_memory_and_window_by_window_are_the_same_bits(gappy: xr.DataArray, masked: bool) -> None:
    holes = gappy.where(gappy % 7 != 0)
    scaler = Scaler.fit(gappy, method="log")
    held = Windows(holes, cut(gappy), scaler, masked=masked)
    read = Windows(holes, cut(gappy), scaler, masked=masked, memory=0)
    for index in range(len(held)):
        for one, other in zip(held[index], read[index], strict=True):
            assert torch.equal(one, other)


def test_frames_are_kept_only_where_they_fit(gappy: xr.DataArray, monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[tuple[int, ...]] = []
    monkeypatch.setattr("nowcast.tensors.load", lambda cube: reads.append(cube.shape) or load(cube))
    size = gappy.size * 4
    Windows(gappy, cut(gappy), AS_IT_IS, masked=False, memory=size)
    assert reads == [gappy.shape]
    reads.clear()
    few = Windows(gappy, cut(gappy), AS_IT_IS, masked=False, memory=size - 1)
    assert reads == []
    few[0]
    assert reads == [(5, 2, 4, 5)]


@MEMORY
def test_missing_pixels_are_0_weigh_0_and_are_shown_to_the_model(cube_maker: Maker, memory: int) -> None:
    cube = cube_maker((6, 2, 4, 4)) + 1
    cube.values[1, 0, 2, 3] = np.nan
    cube.values[4, 1, 0, 1] = np.nan
    cube.values[5, 1, 0, 1] = np.inf
    windows = Windows(cube, plan(cube, context=3, horizon=3), AS_IT_IS, masked=True, memory=memory)
    context, target, weight = windows[0]
    assert context.shape == (3, 4, 4, 4)
    assert context[1, 0, 2, 3] == 0
    seen = torch.ones(3, 2, 4, 4)
    seen[1, 0, 2, 3] = 0
    assert torch.equal(context[:, 2:], seen)
    assert (target[1:, 1, 0, 1] == 0).all()
    known = torch.ones(3, 2, 4, 4)
    known[1:, 1, 0, 1] = 0
    assert torch.equal(weight, known)
    assert torch.equal(target[weight > 0], torch.from_numpy(cube.values[3:][known.numpy() > 0]))


def test_a_context_without_a_mask_has_the_channels_of_the_field() -> None:
    frames = np.array([[[[1.0, np.nan]]]], "float32")
    assert to_context(frames, masked=False).tolist() == [[[[1.0, 0.0]]]]
    assert to_context(frames, masked=True).tolist() == [[[[1.0, 0.0]], [[1.0, 0.0]]]]
    assert np.isnan(frames[0, 0, 0, 1]), "the frames that were given are not touched"


def test_a_masked_context_may_show_the_frame_before_where_it_tells_that_nothing_was_seen() -> None:
    missing = np.nan
    frames = np.array([[[[1.0, missing]]], [[[missing, missing]]], [[[missing, 4.0]]]], "float32")
    held = to_context(frames, masked=True, held=True)
    assert held[:, 0, 0].tolist() == [[1, 0], [1, 0], [1, 4]]
    assert held[:, 1, 0].tolist() == [[1, 0], [0, 0], [0, 1]]
    assert to_context(frames, masked=True)[:, 0, 0].tolist() == [[1, 0], [0, 0], [0, 4]]
    assert torch.equal(to_context(frames, masked=False), held[:, :1])
    assert np.isnan(frames).sum() == 4


@MEMORY
def test_windows_are_held_if_they_are_told_to(gappy: xr.DataArray, memory: int) -> None:
    gappy = gappy.where(gappy["time"] != gappy["time"][2])
    whole = plan(gappy, context=3, horizon=2)
    for held in (False, True):
        context = Windows(gappy, whole, AS_IT_IS, masked=True, held=held, memory=memory)[0].context
        assert torch.equal(context, to_context(gappy.values[:3], masked=True, held=held))
        assert bool(context[2, 0].any()) == held


def test_a_window_that_is_changed_changes_no_other(gappy: xr.DataArray) -> None:
    windows = Windows(gappy, cut(gappy), AS_IT_IS, masked=False)
    before = windows[0].target.clone()
    windows[0].context.zero_()
    windows[0].target.zero_()
    assert torch.equal(windows[0].target, before)


def test_a_damaged_store_is_told_with_its_variable_and_times(cube_maker: Maker, tmp_path: Path) -> None:
    cube_maker((6, 1, 8, 8)).chunk(time=1).to_zarr(tmp_path / "rain.zarr", consolidated=False)
    chunks = [
        path
        for path in (tmp_path / "rain.zarr" / "rain_rate").rglob("*")
        if path.is_file() and path.name != "zarr.json"
    ]
    assert len(chunks) == 6
    for path in chunks:
        path.write_bytes(b"garbage" * 5)
    with xr.open_zarr(tmp_path / "rain.zarr", consolidated=False) as dataset:
        cube = dataset["rain_rate"]
        windows = Windows(cube, plan(cube, context=1, horizon=1), AS_IT_IS, masked=False, memory=0)
        with pytest.raises(InputError, match=r"'rain_rate', 2026-05-01T00:10:00 to 2026-05-01T00:15:00: damaged"):
            windows[2]
        with pytest.raises(InputError, match="damaged"):
            Windows(cube, plan(cube, context=1, horizon=1), AS_IT_IS, masked=False)


# Order


def test_the_order_depends_on_seed_and_epoch_alone() -> None:
    def order(seed: int, epoch: int) -> list[int]:
        sampler = ShuffledByEpoch(50, seed=seed)
        sampler.set_epoch(epoch)
        return list(sampler)

    np.random.seed(0)
    first = order(3, 5)
    np.random.seed(1)
    torch.manual_seed(9)
    assert order(3, 5) == first
    assert sorted(first) == list(range(50))
    assert len({tuple(order(seed, epoch)) for seed in range(4) for epoch in range(4)}) == 16


def test_a_second_pass_over_an_epoch_is_the_first_one_again() -> None:
    sampler = ShuffledByEpoch(20, seed=0)
    sampler.set_epoch(2)
    assert list(sampler) == list(sampler)
    assert len(sampler) == 20


def test_without_shuffling_the_order_is_that_of_the_plan() -> None:
    sampler = ShuffledByEpoch(5, seed=0, shuffle=False)
    sampler.set_epoch(3)
    assert list(sampler) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("shuffle", [False, True])
def test_batches_hold_every_window_once(gappy: xr.DataArray, shuffle: bool) -> None:
    windows = Windows(gappy, cut(gappy), AS_IT_IS, masked=True)
    batches = list(loader(windows, batch=8, shuffle=shuffle, seed=1))
    assert [len(batch.context) for batch in batches] == [8] * 7 + [7]
    assert batches[0].context.shape == (8, 3, 4, 4, 5)
    assert batches[0].target.shape == batches[0].weight.shape == (8, 2, 2, 4, 5)
    got = torch.cat([batch.target for batch in batches])
    want = torch.stack([windows[i].target for i in range(len(windows))])
    assert torch.equal(got, want) != shuffle
    assert torch.equal(got.flatten(1).unique(dim=0), want.flatten(1).unique(dim=0))
    assert len(got.flatten(1).unique(dim=0)) == len(windows)
