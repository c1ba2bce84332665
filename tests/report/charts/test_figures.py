"""What a table of scores holds is drawn; what it lacks is left out."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import xarray as xr

from nowcast.report.charts.figures import (
    clock,
    error_figures,
    event_figures,
    interval_note,
    levels_of,
    scale_figures,
    skill_figures,
    style_of,
)

Maker = Callable[..., xr.Dataset]


def test_every_score_that_is_there_is_a_figure(made_scores: Maker) -> None:
    scores = made_scores()
    assert [each.title for each in error_figures(scores)] == ["MSE", "MAE", "CRPS", "SSIM", "correlation", "bias"]
    assert [each.title for each in event_figures(scores)][:4] == [
        "CSI ≥ 0.1 mm h-1", "CSI ≥ 1 mm h-1", "CSI ≥ 5 mm h-1", "Brier score ≥ 0.1 mm h-1",
    ]  # fmt: skip
    assert len(scale_figures(scores)) == 3
    assert len(skill_figures(scores)) == 5
    for figure in error_figures(scores):
        for name in ("convlstm", "persistence", "advection"):
            assert f">{name}</text>" in figure.drawing


def test_what_is_not_there_is_left_out(made_scores: Maker) -> None:
    scores = made_scores("mse")
    assert [each.title for each in error_figures(scores)] == ["MSE"]
    assert event_figures(scores) == scale_figures(scores) == []
    nothing = made_scores("csi", "fss")
    nothing = nothing.assign(csi=nothing["csi"] * np.nan, fss=nothing["fss"] * np.nan)
    assert event_figures(nothing) == scale_figures(nothing) == []
    assert skill_figures(made_scores(forecasters=("only",))) == []


def test_skill_has_its_intervals_or_is_the_plain_ratio(made_scores: Maker) -> None:
    figure = skill_figures(made_scores())[0]
    assert figure.drawing.count("<polygon") == 2
    assert interval_note(made_scores()) == "Bands are intervals of 90%, by resampling 5 blocks of time."
    (plain,) = skill_figures(made_scores("mse"))
    assert "<polygon" not in plain.drawing
    assert "vs advection" in plain.drawing
    assert interval_note(made_scores("mse")) == ""
    short = made_scores().assign_attrs(interval_left_out="2 reference times make 1 block")
    short = short.assign(mse_ratio_low=short["mse_ratio_low"] * np.nan)
    assert interval_note(short) == "No intervals: 2 reference times make 1 block."
    assert "<polygon" not in skill_figures(short)[0].drawing


def test_bands_of_any_score_are_drawn(made_scores: Maker) -> None:
    scores = made_scores("mse")
    banded = scores.assign(mse_low=scores["mse"] * 0.9, mse_high=scores["mse"] * 1.1)
    assert error_figures(banded)[0].drawing.count("<polygon") == 3


def test_a_forecaster_has_one_style_everywhere() -> None:
    names = ["predrnn", "persistence", "advection", "mine", "theirs"]
    assert [style_of(name, names) for name in names] == [0, 1, 2, 5, 6]
    assert style_of("persistence", ["persistence"]) == 0


def test_lead_times_have_the_unit_that_suits(made_scores: Maker) -> None:
    scores = made_scores("mse")
    assert clock(scores)[:2] == ([5, 10, 15, 20], "min")
    assert clock(scores.assign_coords(lead_time=scores["lead_time"] * 12))[:2] == ([1, 2, 3, 4], "h")
    assert clock(scores.assign_coords(lead_time=scores["lead_time"] / 1000))[:2] == ([0.3, 0.6, 0.9, 1.2], "s")


def test_few_of_many_thresholds_are_drawn() -> None:
    scores = xr.Dataset(coords={"threshold": np.arange(11.0)})
    assert levels_of(scores) == [0, 3, 7, 10]


def test_widths_are_lengths_where_the_grid_has_them(made_scores: Maker) -> None:
    scores = made_scores("fss")
    assert "width of the window (px)" in scale_figures(scores)[0].drawing
    long = scores.assign_coords(scale_length=("scale", [1000.0, 5000.0], {"units": "m"}))
    assert "width of the window (km)" in scale_figures(long)[0].drawing
