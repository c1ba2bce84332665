"""The windows of a cube as a torch dataset: each is what the plan names, whatever the cube is stored as."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import xarray as xr
from torch.utils.data import DataLoader

from nowcast.cube import Run
from nowcast.errors import InputError
from nowcast.scaling import Scaler
from nowcast.tensors import Windows
from nowcast.windows import plan

Maker = Callable[..., xr.DataArray]
AS_IT_IS = Scaler("unit", 0.0, 1.0)


def cut(cube: xr.DataArray):
    return plan(cube, context=3, horizon=2, patch=(4, 5), patch_stride=3)


@pytest.mark.parametrize("lazy", [False, True])
def test_every_pixel_of_every_window_is_the_one_that_the_plan_names(gappy: xr.DataArray, lazy: bool) -> None:
    chosen = cut(gappy)
    windows = Windows(gappy if lazy else gappy.compute(), chosen, AS_IT_IS, masked=False)
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


def test_a_part_that_begins_late_gives_its_own_frames(cube_maker: Maker) -> None:
    cube = cube_maker((30, 1, 4, 4))
    late = plan(cube, context=2, horizon=1, within=[Run(11, 16), Run(20, 24)])
    windows = Windows(cube, late, AS_IT_IS, masked=False)
    assert len(windows) == 5
    for index, start in enumerate((11, 12, 13, 20, 21)):
        np.testing.assert_array_equal(windows[index].context, cube[start : start + 2])
        np.testing.assert_array_equal(windows[index].target, cube[start + 2 : start + 3])


@pytest.mark.parametrize("masked", [False, True])
def test_packed_and_unpacked_are_the_same_bits(packed: xr.DataArray, masked: bool) -> None:
    scaler = Scaler.fit(packed, method="log")
    stored = Windows(packed, cut(packed), scaler, masked=masked)
    held = Windows(packed.compute(), cut(packed), scaler, masked=masked)
    assert stored.source.table is not None
    assert held.source.table is None
    for index in range(len(held)):
        for one, other in zip(held[index], stored[index], strict=True):
            assert torch.equal(one, other)


def test_missing_pixels_are_0_weigh_0_and_are_shown_to_the_model(cube_maker: Maker) -> None:
    cube = cube_maker((6, 2, 4, 4)) + 1
    cube.values[1, 0, 2, 3] = np.nan
    cube.values[4, 1, 0, 1] = np.nan
    cube.values[5, 1, 0, 1] = np.inf
    windows = Windows(cube, plan(cube, context=3, horizon=3), AS_IT_IS, masked=True)
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


def test_a_window_that_is_changed_changes_no_other(gappy: xr.DataArray) -> None:
    windows = Windows(gappy.compute(), cut(gappy), AS_IT_IS, masked=False)
    before = windows[0].target.clone()
    windows[0].context.zero_()
    windows[0].target.zero_()
    assert torch.equal(windows[0].target, before)


def test_torch_makes_batches_of_it(packed: xr.DataArray) -> None:
    windows = Windows(packed, cut(packed), AS_IT_IS, masked=False)
    batch = next(iter(DataLoader(windows, batch_size=4)))
    assert batch.context.shape == (4, 3, 1, 4, 5)
    assert torch.equal(batch.target[2], windows[2].target)


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
        windows = Windows(cube, plan(cube, context=1, horizon=1), AS_IT_IS, masked=False)
        with pytest.raises(InputError, match=r"'rain_rate', 2026-05-01T00:10:00 to 2026-05-01T00:15:00: damaged"):
            windows[2]
