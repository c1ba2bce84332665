"""Results are on standard output, what to type next is beside it."""

from __future__ import annotations

import pytest
import xarray as xr

from nowcast.cli.telling import again, figures, flags, lead_seconds, print_json, print_scores, tell_next


@pytest.fixture
def scores() -> xr.Dataset:
    lead = xr.DataArray([300, 600], dims="lead_time").astype("timedelta64[s]").astype("timedelta64[ns]")
    per = ("forecaster", "lead_time")
    return xr.Dataset(
        {name: (per, [[1.0, 3.0], [2.0, 2.0]]) for name in ("mse", "mae", "psnr", "ssim")},
        {"forecaster": ["[red]model", "persistence"], "lead_time": lead},
        {"variable": "rain", "units": "mm h-1"},
    )


def test_scores_are_printed_with_their_verdict(scores: xr.Dataset, capsys: pytest.CaptureFixture[str]) -> None:
    print_scores(scores)
    shown = capsys.readouterr()
    assert shown.err == ""
    assert "MSE" in shown.out
    assert shown.out.index("[red]model is behind persistence") < shown.out.index("[red]model is ahead of persistence")


def test_where_nothing_was_scored_nothing_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    print_scores(xr.Dataset(coords={"forecaster": ["cascade"], "lead_time": [1]}))
    assert capsys.readouterr().out == ""


def test_what_to_type_next(capsys: pytest.CaptureFixture[str]) -> None:
    tell_next("nowcast evaluate")
    tell_next("nothing", quiet=True)
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("", "nowcast evaluate\n")
    assert (again(["a.zarr"]), again(["a.nc", "b.nc"])) == ("a.zarr", "PATH...")
    assert flags({"variable": "rain rate", "time_step": None, "rgb": True, "coarsen": 2, "remote": False}) == (
        " --variable 'rain rate' --rgb --coarsen 2"
    )
    assert (again(["my radar.zarr"]), again(["radar/*.nc"])) == ("'my radar.zarr'", "'radar/*.nc'")


def test_the_main_figures_are_plain(scores: xr.Dataset) -> None:
    told = figures(scores)
    assert told["lead_seconds"] == lead_seconds(scores) == [300.0, 600.0]
    assert told["scores"]["persistence"] == {name: [2.0, 2.0] for name in ("mse", "mae", "psnr", "ssim")}
    assert (told["variable"], told["units"]) == ("rain", "mm h-1")
    assert told["verdict"]["standings"][0]["word"] == "ahead"
    nothing = figures(scores.drop_vars(("mse", "mae", "psnr", "ssim")))
    assert (nothing["scores"], nothing["verdict"]) == ({}, None)


def test_json_has_no_number_that_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"a": [1.0, float("nan")], "b": {"c": float("inf")}})
    assert capsys.readouterr().out == '{"a": [1.0, null], "b": {"c": null}}\n'
