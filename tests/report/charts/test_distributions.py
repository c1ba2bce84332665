"""Reliability, ranks and spectra are drawn of forecasters that have them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import xarray as xr

from nowcast.report.charts.distributions import probability_figures, spectrum_figures

Maker = Callable[..., xr.Dataset]


def test_only_forecasters_with_probabilities_have_reliability(made_scores: Maker) -> None:
    scores = made_scores()
    counts = scores["reliability_forecasts"].copy()
    counts[1:, ..., 1:-1] = 0
    figures = probability_figures(scores.assign(reliability_forecasts=counts))
    assert [each.title for each in figures] == [
        "Reliability, ≥ 0.1 mm h-1", "Reliability, ≥ 1 mm h-1", "Reliability, ≥ 5 mm h-1", "Rank histogram",
    ]  # fmt: skip
    for figure in figures:
        assert ">convlstm</text>" in figure.drawing
        assert "persistence" not in figure.drawing
    counts[0, ..., 1:-1] = 0
    assert probability_figures(scores.assign(reliability_forecasts=counts)) == []
    assert probability_figures(made_scores("mse")) == []


def test_bins_are_pooled_by_how_many_fell_into_them(made_scores: Maker) -> None:
    scores = made_scores().isel(forecaster=[0])
    counts = xr.zeros_like(scores["reliability_forecasts"]).astype(int)
    counts[:, 0] = 1
    counts[:, 1] = 3
    seen = xr.zeros_like(scores["reliability"])
    seen[:, 1] = 0.8
    forecast = xr.zeros_like(seen) + np.linspace(0.05, 0.95, 10)
    table = scores.assign(reliability_forecasts=counts, reliability=seen, reliability_probability=forecast)
    assert "convlstm: 0.6 at 0.05" in probability_figures(table)[0].drawing


def test_spectra_stand_beside_what_was_observed(made_scores: Maker) -> None:
    scores = made_scores()
    first, last = spectrum_figures(scores)
    assert (first.title, last.title) == ("Power spectrum at +5 min", "Power spectrum at +20 min")
    for name in ("observed", "persistence", "convlstm matched"):
        assert f">{name}</text>" in last.drawing
    assert "wavelength (km)" in last.drawing
    assert ">32</text>" in last.drawing
    same = scores.assign(power_spectrum_matched=scores["power_spectrum"])
    assert "matched" not in spectrum_figures(same)[0].drawing
    assert spectrum_figures(made_scores("mse")) == []
    assert spectrum_figures(scores[["power_spectrum"]] * np.nan) == []
