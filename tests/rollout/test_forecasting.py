"""Forecast cubes: the right value at the right place and time, and no seam between tiles."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
import xarray as xr
from torch import Tensor

import nowcast
from nowcast.errors import InputError
from nowcast.models import E3DLSTM, ConvLSTM, Persistence, build
from nowcast.rollout import forecast, usable_references
from nowcast.rollout.blending import tiled_by_lead
from nowcast.scaling import Scaler
from nowcast.timeline import with_absent_frames

Maker = Callable[..., xr.DataArray]
AS_IT_IS = Scaler("unit", 0.0, 1.0)


def persist(cube: xr.DataArray, references: list[int], *, horizon: int = 4, **keywords: object) -> xr.DataArray:
    model = Persistence(channels=cube.sizes["channel"], masked=True)
    return forecast(
        model,
        AS_IT_IS,
        cube,
        context=3,
        horizon=horizon,
        references=references,
        name="persistence",
        **keywords,  # type: ignore[arg-type]
    )


@pytest.mark.parametrize("lazy", [False, True])
def test_every_pixel_of_every_lead_is_the_one_of_the_reference_time(cube_maker: Maker, lazy: bool) -> None:
    cube = cube_maker((12, 2, 8, 10))
    references = [2, 5, 11]
    result = persist(cube.chunk(time=5) if lazy else cube, references)
    assert result.dims == ("forecast_reference_time", "lead_time", "channel", "y", "x")
    assert result.shape == (3, 4, 2, 8, 10)
    assert result.dtype == np.float32
    for place, index in enumerate(references):
        for lead in range(4):
            np.testing.assert_array_equal(result[place, lead], cube[index])


def test_it_is_lazy_with_a_chunk_for_each_reference_time(cube: xr.DataArray) -> None:
    calls: list[int] = []
    result = persist(cube, [4, 7, 9], done=lambda: calls.append(1))
    assert result.chunks is not None
    assert result.chunks[0] == (1, 1, 1)
    assert calls == []
    result[1].compute()
    assert len(calls) == 1
    result.compute()
    assert len(calls) == 4


@pytest.mark.parametrize("rate", [30, 30_000 / 1001, 240])
def test_leads_of_a_step_that_is_no_whole_millisecond_stay_at_the_frames(cube_maker: Maker, rate: float) -> None:
    cube = cube_maker((24, 1, 8, 8))
    frames = np.round(np.arange(24) * 1e9 / rate).astype("timedelta64[ns]")
    cube = cube.assign_coords(time=cube["time"].values[0] + frames)
    result = persist(cube, [3], horizon=20)
    apart = result["valid_time"][0].values - cube["time"].values[4:24]
    assert np.abs(apart).max() < np.timedelta64(20, "us")


def test_times_are_those_of_the_cube_and_leads_are_its_steps(cube: xr.DataArray) -> None:
    result = persist(cube, [4, 7])
    np.testing.assert_array_equal(result["forecast_reference_time"], cube["time"][[4, 7]])
    np.testing.assert_array_equal(result["lead_time"], np.arange(1, 5) * np.timedelta64(5, "m"))
    for place in range(2):
        for lead in range(4):
            valid = result["valid_time"][place, lead].values
            assert valid == result["forecast_reference_time"][place].values + result["lead_time"][lead].values
    np.testing.assert_array_equal(result["valid_time"][0], cube["time"][5:9])


def test_the_source_s_grid_and_story_are_kept_and_the_model_s_added(cube: xr.DataArray) -> None:
    cube.encoding["source"] = "/data/radar.nc"
    named = cube.assign_coords(channel=("channel", ["rain"]), exposure=("time", np.arange(12)))
    result = persist(named, [4])
    for name in ("y", "x", "crs", "channel"):
        xr.testing.assert_identical(
            result[name].drop_vars(set(result[name].coords) - {name}),
            named[name].drop_vars(set(named[name].coords) - {name}),
        )
    assert "exposure" not in result.coords
    assert result.name == "rain_rate"
    assert {name: result.attrs[name] for name in cube.attrs} == cube.attrs
    assert result.attrs["nowcast_model"] == "persistence"
    assert result.attrs["nowcast_version"] == nowcast.__version__
    assert "/data/radar.nc" in result.attrs["nowcast_inputs"]
    assert "nowcast_model" not in named.attrs


def test_the_scaler_is_applied_and_undone(cube: xr.DataArray) -> None:
    seen: list[Tensor] = []

    class Watching(Persistence):
        def forward(self, context: Tensor, horizon: int) -> Tensor:
            seen.append(context)
            return super().forward(context, horizon)

    scaler = Scaler.fit(cube, method="log")
    result = forecast(Watching(), scaler, cube, context=3, horizon=2, references=[5], name="p").compute()
    np.testing.assert_array_equal(seen[0][0].numpy(), scaler.apply(cube[3:6].values))
    np.testing.assert_allclose(result[0, 0], cube[5], rtol=1e-4, atol=1e-2)


def test_what_was_never_seen_is_missing_and_what_was_seen_earlier_is_held(cube: xr.DataArray) -> None:
    cube.values[:, 0, 0, 0] = np.nan
    cube.values[4:, 0, 1, 1] = np.nan
    cube.values[5:, 0, 2, 2] = np.nan
    cube.values[3:5, 0, 3, 3] = np.nan
    cube.values[:3, 0, 4, 4] = np.nan
    result = persist(cube, [5]).compute()
    for lead in range(4):
        frame = result[0, lead, 0].values
        assert np.isnan(frame[0, 0])
        assert frame[1, 1] == cube.values[3, 0, 1, 1]
        assert frame[2, 2] == cube.values[4, 0, 2, 2]
        assert frame[3, 3] == cube.values[5, 0, 3, 3]
        assert frame[4, 4] == cube.values[5, 0, 4, 4]
        assert np.isnan(frame).sum() == 1


def test_frames_before_the_context_are_not_looked_at(cube: xr.DataArray) -> None:
    cube.values[:3, 0, 0, 0] = 7
    cube.values[3:, 0, 0, 0] = np.nan
    assert np.isnan(persist(cube, [5]).values[0, :, 0, 0, 0]).all()


# Reference times


def test_without_any_usable_time_more_frames_are_asked_for(cube_maker: Maker) -> None:
    with pytest.raises(InputError) as caught:
        persist(cube_maker((2, 1, 4, 4)), [1])
    assert caught.value.next_step == "give more frames"
    with pytest.raises(InputError, match="one frame has no time step"):
        persist(cube_maker((1, 1, 4, 4)), [0])


def test_a_context_never_reaches_into_another_sequence(cube: xr.DataArray) -> None:
    clips = cube.assign_coords(sequence=("time", [0] * 5 + [1] * 7))
    assert usable_references(clips, 3) == [2, 3, 4, 7, 8, 9, 10, 11]
    with pytest.raises(InputError, match="no forecast can start"):
        persist(clips, [6])
    np.testing.assert_array_equal(persist(clips, [7])[0, 0], cube[7])


# Tiles


def test_a_forecast_in_tiles_is_the_same_cube(cube_maker: Maker) -> None:
    cube = cube_maker((6, 1, 40, 44))
    xr.testing.assert_allclose(
        persist(cube, [3, 5], tile=24, halo=4).compute(), persist(cube, [3, 5]).compute(), rtol=1e-6
    )


def test_a_forecaster_knows_how_large_a_piece_it_is_asked_for(cube_maker: Maker) -> None:
    asked = []

    class Small(Persistence):
        tile = 160

        def forward(self, context: Tensor, horizon: int) -> Tensor:
            asked.append(context.shape[-2:])
            return super().forward(context, horizon)

    cube = cube_maker((6, 1, 40, 200))
    forecast(Small(masked=True), AS_IT_IS, cube, context=3, horizon=2, references=[3], name="small").compute()
    assert {*map(tuple, asked)} == {(40, 160)}
    assert len(asked) > 1
    assert E3DLSTM.tile < ConvLSTM.tile


def test_no_gradient_is_kept_and_the_forecaster_is_in_evaluation_mode(cube: xr.DataArray) -> None:
    model = ConvLSTM(hidden=(4,)).train()
    result = forecast(model, AS_IT_IS, cube / 1e4, context=2, horizon=2, references=[4], name="convlstm").compute()
    assert not model.training
    assert np.isfinite(result).all()
    told = tiled_by_lead(model, torch.rand(1, 2, 1, 8, 8), 2, tile=64, halo=8)
    assert not any(each.requires_grad for each in told)


def test_sequences_are_kept_along_the_reference_times(cube: xr.DataArray) -> None:
    clips = cube.assign_coords(sequence=("time", ["a"] * 5 + ["b"] * 7))
    result = persist(clips, [3, 4, 8])
    assert result["sequence"].dims == ("forecast_reference_time",)
    assert result["sequence"].values.tolist() == ["a", "a", "b"]


def lacking(cube: xr.DataArray, references: list[int], most: int, *, held: bool = False) -> xr.DataArray:
    return persist(cube, references, horizon=2, most_missing=most, held=held)


def test_missing_inputs_are_counted_and_the_newest_told_its_age(cube: xr.DataArray) -> None:
    joined = with_absent_frames(
        cube.drop_isel(time=[5, 9, 10]), most=2, until=cube["time"].values[-1] + np.timedelta64(5, "m")
    )
    assert usable_references(joined, 3, most_missing=1) == [2, 3, 4, 5, 6, 7, 8, 9]
    assert usable_references(joined, 3, most_missing=2) == list(range(2, 13))
    assert usable_references(joined, 3) == [2, 3, 4, 8]
    result = lacking(joined, list(range(2, 13)), 2)
    assert result["missing_inputs"].values.tolist() == [0, 0, 0, 1, 1, 1, 0, 1, 2, 2, 2]
    assert (result["input_age"].values / np.timedelta64(5, "m")).tolist() == [0, 0, 0, 1, 0, 0, 0, 1, 2, 0, 1]
    assert result["missing_inputs"].dims == result["input_age"].dims == ("forecast_reference_time",)
    assert result.attrs["nowcast_max_missing"] == 2
    newest = [2, 3, 4, 4, 6, 7, 8, 8, 8, 11, 11]
    np.testing.assert_array_equal(result[:, 0], cube[newest], "persistence shows the newest frame that was there")
    np.testing.assert_array_equal(
        result["forecast_reference_time"], cube["time"].values[0] + np.arange(2, 13) * np.timedelta64(5, "m")
    )
    plain = persist(cube, [5])
    assert not {"missing_inputs", "input_age"} & set(plain.coords)
    assert "nowcast_max_missing" not in plain.attrs


@pytest.mark.parametrize("held", [False, True])
def test_the_model_is_told_which_inputs_are_missing(cube: xr.DataArray, held: bool) -> None:
    seen: list[Tensor] = []

    class Watching(Persistence):
        def forward(self, context: Tensor, horizon: int) -> Tensor:
            seen.append(context)
            return super().forward(context, horizon)

    joined = with_absent_frames(cube.drop_isel(time=5), most=1)
    model = Watching(channels=1, masked=True)
    forecast(
        model, AS_IT_IS, joined, context=3, horizon=1, references=[6], name="p", most_missing=1, held=held
    ).compute()
    np.testing.assert_array_equal(seen[0][0, :, 0], cube.values[[4, 4, 6], 0] * np.array([1, held, 1])[:, None, None])
    assert seen[0][0, :, 1].mean(dim=(-1, -2)).tolist() == [1, 0, 1]


def test_a_chance_is_not_called_what_the_value_is(cube: xr.DataArray) -> None:
    model = build("persistence", {"exceedance": {"thresholds": [0.2, 0.5], "spreads": [1.0, 1.0, 1.0]}})
    made = forecast(model, AS_IT_IS, cube, context=3, horizon=2, references=[4], name="persistence")
    chances = made["probability_of_rain_rate_above_threshold"]
    assert chances.attrs["long_name"] == "probability that rain_rate reaches the threshold"
    assert "standard_name" not in chances.attrs
    assert made["rain_rate_matched"].attrs["standard_name"] == "rainfall_rate"
