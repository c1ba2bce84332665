"""The windows of `cube.nowcast`: with labels, as a torch dataset, and as batches."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
import xarray as xr
from torch.utils.data import DataLoader

import nowcast.accessor  # noqa: F401  (gives arrays their `nowcast`)
from nowcast.scaling import Scaler

Maker = Callable[..., xr.DataArray]


@pytest.fixture
def gappy(cube_maker: Maker) -> xr.DataArray:
    return cube_maker((16, 1, 9, 11)).drop_isel(time=8).chunk(time=4)


def test_windows_are_cubes_with_their_own_labels(gappy: xr.DataArray) -> None:
    windows = gappy.nowcast.windows(context=3, horizon=2, patch=(4, 5), patch_stride=3)
    assert len(windows) == (4 + 3) * 3 * 3
    assert len(list(windows)) == len(windows)
    for index, window in enumerate(windows):
        time, y, x = windows.plan[index]
        xr.testing.assert_identical(window.drop_attrs(), gappy.isel(time=time, y=y, x=x).drop_attrs())
        assert window.attrs["units"] == "mm h-1"
        assert (window.attrs["nowcast_context"], window.attrs["nowcast_horizon"]) == (3, 2)
        assert len(set(np.diff(window["time"].values))) == 1, "no window crosses the gap"
    assert windows[0].chunks is not None, "nothing is read before it is asked for"
    assert repr(windows) == "<63 windows of rain_rate: 3 + 2 frames of 4 x 5, 7 starting times x 9 places>"
    with pytest.raises(IndexError):
        windows[63]


def test_they_are_a_torch_dataset(gappy: xr.DataArray) -> None:
    windows = gappy.nowcast.windows(context=3, horizon=2, patch=4)
    scaler = Scaler("unit", 0.0, 10.0)
    dataset = windows.torch(scaler)
    assert isinstance(dataset, torch.utils.data.Dataset)
    assert len(dataset) == len(windows)
    context, target, weight = dataset[5]
    np.testing.assert_array_equal(context[:, :1], scaler.apply(windows[5].values)[:3])
    np.testing.assert_array_equal(target, scaler.apply(windows[5].values)[3:])
    assert context.shape == (3, 2, 4, 4)
    assert windows.torch(masked=False)[5].context.shape == (3, 1, 4, 4)
    np.testing.assert_array_equal(windows.torch(masked=False)[5].target, windows[5].values[3:])
    assert (weight == 1).all()
    batch = next(iter(DataLoader(dataset, batch_size=7)))
    assert batch.target.shape == (7, 2, 1, 4, 4)


def test_batches_come_from_blocks(gappy: xr.DataArray) -> None:
    windows = gappy.nowcast.windows(context=3, horizon=2, patch=4)
    loader = windows.loader(batch=5, seed=3, memory=5000)
    targets = torch.cat([batch.target for batch in loader])
    expected = torch.stack([windows.torch()[index].target for index in range(len(windows))])
    assert len(targets) == len(windows)
    assert torch.equal(targets.flatten(1).sort(0).values, expected.flatten(1).sort(0).values)
