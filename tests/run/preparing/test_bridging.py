"""What --gaps makes of a cube before it is cut, and what is told of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import xarray as xr

import nowcast
from nowcast.config import resolve
from nowcast.cube import runs
from nowcast.errors import InputError
from nowcast.run.preparing.bridging import bridged, tell_bridged
from nowcast.scaling import Scaler
from nowcast.tensors import Windows
from nowcast.timeline import absent_frames, with_absent_frames, with_absent_marked
from nowcast.windows import plan

Maker = Callable[..., xr.DataArray]


def never(cube: xr.DataArray) -> int:
    raise AssertionError("the context is given")


def test_skip_leaves_cube_and_settings_alone(cube: xr.DataArray) -> None:
    settings = resolve()
    holed = cube.drop_isel(time=5)
    found, told = bridged(holed, settings, context_of=never)
    assert found is holed
    assert told is settings


def test_skip_with_a_limit_is_refused_by_the_flags_that_would_do(cube: xr.DataArray) -> None:
    with pytest.raises(InputError, match="--max-missing is of no use to --gaps skip") as caught:
        bridged(cube, resolve(None, {"max_missing": 2}), context_of=never)
    assert "--gaps mask --max-missing 2" in str(caught.value)


@pytest.mark.parametrize(
    ("flags", "most"),
    [
        ({"context": 4}, 1),
        ({"context": 11}, 2),
        ({"context": 2}, 1),
        ({"context": 4, "max_missing": 3}, 3),
    ],
)
def test_a_quarter_of_the_context_may_be_missing_unless_told(
    cube: xr.DataArray, flags: dict[str, Any], most: int
) -> None:
    found, told = bridged(cube.drop_isel(time=[5, 6]), resolve(None, {"gaps": "mask", **flags}), context_of=never)
    assert told.windows.max_missing == most
    assert len(runs(found)) == (1 if most >= 2 else 2)
    again, settled = bridged(cube.drop_isel(time=[5, 6]), told, context_of=never)
    assert settled == told
    xr.testing.assert_identical(again, found)


def test_a_context_that_is_not_given_is_chosen_once_and_kept(cube: xr.DataArray) -> None:
    seen: list[xr.DataArray] = []

    def choose(each: xr.DataArray) -> int:
        seen.append(each)
        return 8

    holed = cube.drop_isel(time=[2, 5, 6])
    found, told = bridged(holed, resolve(None, {"gaps": "hold"}), context_of=choose)
    assert [len(each["time"]) for each in seen] == [10], "with the gaps of one frame bridged"
    assert (told.windows.context, told.windows.max_missing) == (8, 2)
    assert found.sizes["time"] == 12


def told_of(source: xr.DataArray, marked: np.ndarray, capsys: pytest.CaptureFixture[str]) -> list[str]:
    settings = resolve(None, {"gaps": "mask", "context": 2, "max_missing": 1}).windows
    joined = with_absent_frames(source, most=1)
    cube = with_absent_marked(joined, marked)
    whole = plan(cube, context=2, horizon=1, absent=absent_frames(cube), most_absent=1)
    tell_bridged(source, joined, cube, {"training": whole}, settings)
    return capsys.readouterr().err.splitlines()


def test_what_is_gained_is_told(cube_maker: Maker, capsys: pytest.CaptureFixture[str]) -> None:
    source = cube_maker((20, 1, 4, 4)).drop_isel(time=[4, 9, 10, 14])
    lines = told_of(source, np.array([], dtype=int), capsys)
    # Around 4 and 14: windows that begin at 2 (its horizon is absent altogether), 3 and 4; two gained at each.
    assert lines[0] == "gaps     2 of 3 bridged by --gaps mask (2 frame(s) absent, 4 more starting times)"
    assert "at most 1 of the 2 frames given" in lines[1]
    assert len(lines) == 2


def test_frames_without_a_value_are_told_apart(cube: xr.DataArray, capsys: pytest.CaptureFixture[str]) -> None:
    lines = told_of(cube, np.array([3, 7]), capsys)
    assert lines[0] == "gaps     0 of 0 bridged by --gaps mask (0 frame(s) absent, 0 more starting times)"
    assert "2 training frame(s) hold no value" in lines[1]
    assert "beware" not in "".join(lines)


def test_a_model_that_never_meets_a_missing_frame_is_pointed_out(
    cube: xr.DataArray, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "beware   no frame is missing" in told_of(cube, np.array([], dtype=int), capsys)[-1]


@pytest.mark.parametrize("packed", [True, False])
def test_windows_across_gaps_are_cut_from_packed_numbers_where_one_stands_for_missing(
    cube_maker: Maker, tmp_path: Path, packed: bool
) -> None:
    source = cube_maker((24, 1, 6, 7))[:, 0].drop_isel(time=[5, 11, 12]).drop_vars("crs")
    source = source.copy(data=(source.values % 997).astype("int16"))
    source.attrs = {"units": "mm h-1", "scale_factor": 0.1} | ({"_FillValue": np.int16(-1)} if packed else {})
    source.to_dataset(name="rain_rate").to_zarr(
        tmp_path / "a.zarr", consolidated=False, encoding={"rain_rate": {"chunks": (4, 6, 7)}}
    )
    told = resolve(None, {"context": 4, "horizon": 2, "gaps": "mask", "max_missing": 2})
    joined, _ = bridged(nowcast.open_cube(tmp_path / "a.zarr"), told, context_of=never)
    assert joined.sizes["time"] == 24
    chosen = plan(joined, context=4, horizon=2, absent=absent_frames(joined), most_absent=2)
    scaler = Scaler("log", 0.0, 3.0, floor=0.1)
    made = Windows(joined, chosen, scaler, masked=True)
    assert (made.source.table is not None) == packed
    truth = Windows(joined.compute(), chosen, scaler, masked=True)
    assert any(not bool(truth[index].context[:, 1].all()) for index in range(len(truth)))
    for index in range(len(truth)):
        for one, other in zip(made[index], truth[index], strict=True):
            assert torch.equal(one, other)
