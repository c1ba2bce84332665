"""A batch's windows are told by its number alone: those that the loader gave, and where they lie."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import xarray as xr

from nowcast.scaling import Scaler
from nowcast.tensors import Loader, Windows, located
from nowcast.windows import plan


def cube(day: int, *, size: int = 8) -> xr.DataArray:
    values = np.random.default_rng(day).random((20, 1, size, size)).astype("float32")
    times = np.datetime64(f"2026-05-0{day}", "ns") + np.arange(20) * np.timedelta64(60, "s")
    return xr.DataArray(values, dims=("time", "channel", "y", "x"), coords={"time": times}, name="rain")


def made(*cubes: xr.DataArray, memory: int = 10**9, drawn: Callable[[int], np.ndarray] | None = None) -> Loader:
    parts = [
        Windows(each, plan(each, context=2, horizon=2, patch=4, patch_stride=4), Scaler("unit", 0, 1), masked=False)
        for each in cubes
    ]
    return Loader(parts, batch=5, seed=3, memory=memory, drawn=drawn)


@pytest.mark.parametrize("memory", [10**9, 20_000])
@pytest.mark.parametrize("drawn", [None, lambda epoch: np.arange(epoch, 130, 2)])
def test_they_are_those_that_the_loader_gives(memory: int, drawn: Callable[[int], np.ndarray] | None) -> None:
    loader = made(cube(1), cube(2), memory=memory, drawn=drawn)
    for epoch in (0, 1):
        loader.set_epoch(epoch)
        given = [cut.numbers.tolist() for cut in loader.cut()]
        assert len(given) == len(loader)
        assert [loader.windows_of(batch).tolist() for batch in range(len(loader))] == given
    loader.close()


def test_times_places_and_values_are_told_the_furthest_from_0_first() -> None:
    one, other = cube(1), cube(2)
    other[7, 0, 5, 2] = -1e30
    other.encoding["source"] = "/data/other.nc"
    loader = made(one, other)
    batch = next(
        n
        for n in range(len(loader))
        for at, number in zip(*loader.blocks.split(loader.windows_of(n)), strict=True)
        if at == 1 and loader.parts[1].plan[int(number)] == (slice(5, 9), slice(4, 8), slice(0, 4))
    )
    lines = located(loader, [batch]).splitlines()
    assert lines[0].startswith("5 window(s) from 2026-05-0")
    assert any(
        "2026-05-02T00:05:00 to 2026-05-02T00:08:00, rows 4 to 7, columns 0 to 3 of /data/other.nc: variable 'rain': "
        "values from -1e+30 to" in line
        for line in lines[1:4]
    )
    assert "-1e+30" in lines[1]
    assert lines[-1].strip() == "and 2 window(s) more"


def test_missing_pixels_are_counted() -> None:
    one = cube(1)
    one[3] = np.nan
    told = located(made(one), range(len(made(one))))
    assert "25% missing" not in told.splitlines()[0]
    assert "missing" in located(made(one.where(one > 2)), [0])
