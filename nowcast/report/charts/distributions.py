"""Charts of what a forecast says beyond its mean: reliability, ranks, and how much lies at which scale."""

from __future__ import annotations

import numpy as np
import xarray as xr

from nowcast.report.charts.chart import Series, chart
from nowcast.report.charts.figures import Figure, clock, floats, levels_of, style_of
from nowcast.report.wording import number, units_of

__all__ = ["probability_figures", "spectrum_figures"]

OBSERVED = 7
"""The style of what was observed."""


def probability_figures(scores: xr.Dataset) -> list[Figure]:
    """Reliability at each threshold and the rank histogram, over all lead times, of forecasters with probabilities."""
    needed = ("reliability", "reliability_probability", "reliability_forecasts")
    if not all(name in scores for name in needed):
        return []
    names = [str(name) for name in scores["forecaster"].values]
    told = [name for name in names if _probabilistic(scores.sel(forecaster=name))]
    if not told:
        return []
    found = []
    for level in levels_of(scores):
        series = []
        for name in told:
            one = scores.sel(forecaster=name, threshold=level)
            weight = one["reliability_forecasts"]
            total = weight.sum("lead_time").where(lambda count: count > 0)
            pooled = [(one[each] * weight).sum("lead_time") / total for each in needed[:2]]
            series.append(Series(name, floats(pooled[1]), floats(pooled[0]), style_of(name, names)))
        if not any(np.isfinite(each.y).any() for each in series):
            continue
        title = f"Reliability, ≥ {number(level)}{units_of(scores)}"
        drawing = chart(
            series,
            alt=f"{title}: how often it happened by the probability forecast, of {', '.join(told)}",
            x_label="probability forecast",
            y_label="frequency observed",
            floor=0.0,
            ceiling=1.0,
            diagonal=True,
        )
        found.append(Figure(title, drawing, "On the dotted line, what is forecast with 70 % happens 7 times in 10."))
    return found + _ranks(scores, told, names)


def _probabilistic(one: xr.Dataset) -> bool:
    """Whether any probability lies between the outermost bins: those of a deterministic forecast are 0 and 1."""
    return bool(one["reliability_forecasts"].isel(probability_bin=slice(1, -1)).sum() > 0)


def _ranks(scores: xr.Dataset, told: list[str], names: list[str]) -> list[Figure]:
    if "rank_histogram" not in scores:
        return []
    count = scores.sizes["rank_bin"]
    places = [(index + 0.5) / count for index in range(count)]
    weight = scores["pixels"] if "pixels" in scores else xr.ones_like(scores["lead_time"], dtype=float)
    pooled = (scores["rank_histogram"] * weight).sum("lead_time") / weight.sum()
    series = [Series(name, places, floats(pooled.sel(forecaster=name)), style_of(name, names)) for name in told]
    drawing = chart(
        series,
        alt=f"Share of observations in each part of the distribution forecast, of {', '.join(told)}",
        x_label="part of the distribution forecast",
        y_label="share of observations",
        floor=0.0,
        rule=(1 / count, "as it should be"),
    )
    caption = "Where both ends are high, the distributions forecast are too narrow; where low, too wide."
    return [Figure("Rank histogram", drawing, caption)]


def spectrum_figures(scores: xr.Dataset) -> list[Figure]:
    """Power by wavelength at the first and the last lead time, beside what was observed."""
    if "power_spectrum" not in scores or "wavenumber" not in scores.dims:
        return []
    names = [str(name) for name in scores["forecaster"].values]
    leads, clock_unit, _ = clock(scores)
    waves = floats(scores["wavenumber"])
    unit = str(scores["wavenumber"].attrs.get("units", "")).removesuffix("-1") or "px"
    scale, shown = (1000.0, "km") if unit == "m" and 1 / max(waves) >= 1000 else (1.0, "px" if "pix" in unit else unit)
    picks = np.unique(np.geomspace(1, len(waves), 6).round().astype(int)) - 1
    marks = [(waves[pick], number(1 / waves[pick] / scale)) for pick in picks]
    found = []
    for lead in sorted({0, len(leads) - 1}):
        one = scores.isel(lead_time=lead)
        series = [
            Series(name, waves, _positive(one["power_spectrum"].sel(forecaster=name)), style_of(name, names))
            for name in names
        ]
        if "power_spectrum_matched" in one:
            matched = _positive(one["power_spectrum_matched"].sel(forecaster=names[0]))
            if not np.allclose(matched, series[0].y, equal_nan=True):
                series.append(Series(f"{names[0]} matched", waves, matched, 5))
        if "power_spectrum_observed" in one:
            series.append(Series("observed", waves, _positive(one["power_spectrum_observed"]), OBSERVED))
        if not any(np.isfinite(each.y).any() for each in series):
            continue
        title = f"Power spectrum at +{leads[lead]:g} {clock_unit}"
        drawing = chart(
            series,
            alt=f"{title} by wavelength, of {', '.join(each.name for each in series)}",
            x_label=f"wavelength ({shown})",
            y_label="power",
            marks=marks,
            log_x=True,
            log_y=True,
        )
        caption = "What lies below the observed line on the right is detail that the forecast lacks: blur."
        found.append(Figure(title, drawing, caption))
    return found


def _positive(values: xr.DataArray) -> list[float]:
    return floats(values.where(values > 0))
