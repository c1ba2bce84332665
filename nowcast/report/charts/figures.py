"""Scores as charts: what a table of scores holds is drawn, what it lacks is left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr

from nowcast.report.charts.chart import Series, chart
from nowcast.report.markup import Markup
from nowcast.report.wording import number, shortened, units_of, with_units
from nowcast.verification import HIGHER, LOWER

__all__ = [
    "Figure",
    "clock",
    "error_figures",
    "event_figures",
    "floats",
    "interval_note",
    "levels_of",
    "scale_figures",
    "skill_figures",
    "style_of",
]

KNOWN = {"persistence": 1, "advection": 2, "climatology": 3, "pysteps": 4}
MOST_LEVELS = 4
ERRORS = (
    ("mse", "MSE"),
    ("mae", "MAE"),
    ("crps", "CRPS"),
    ("ssim", "SSIM"),
    ("correlation", "correlation"),
    ("bias", "bias"),
)
EVENTS = (("csi", "CSI"), ("brier", "Brier score"))


@dataclass(frozen=True)
class Figure:
    """A drawing with its heading and a sentence below."""

    title: str
    drawing: Markup
    caption: str


def style_of(name: str, names: Sequence[str]) -> int:
    """Which style a forecaster has in every chart: the first, which is the model, 0; each baseline its own."""
    if name == names[0]:
        return 0
    others = [each for each in names[1:] if each not in KNOWN]
    return KNOWN[name] if name in KNOWN else 5 + others.index(name) % 2 if name in others else 5


def clock(scores: xr.Dataset) -> tuple[list[float], str, list[tuple[float, str]]]:
    """Lead times as numbers, their unit, and the ticks of an axis of them."""
    seconds = scores["lead_time"].values / np.timedelta64(1, "s")
    unit, length = ("min", 60.0) if (seconds % 60 == 0).all() else ("s", 1.0)
    if unit == "min" and (seconds % 3600 == 0).all():
        unit, length = "h", 3600.0
    values = [float(value) for value in seconds / length]
    return values, unit, [(value, f"{value:g}") for value in values]


def error_figures(scores: xr.Dataset) -> list[Figure]:
    """Scores by lead time alone."""
    units = str(scores.attrs.get("units", ""))
    found = []
    for name, title in ERRORS:
        if name not in scores:
            continue
        unit = {"mse": _squared(units), "mae": units, "crps": units, "bias": units}.get(name, "")
        long_name = str(scores[name].attrs.get("long_name", title))
        low = 0.0 if name in LOWER else None
        rule = (0.0, "") if name == "bias" else None
        drawing = _by_lead(scores, name, with_units(title, unit), floor=low, rule=rule)
        found.append(Figure(title, drawing, f"{_capital(long_name)}; {_better(name)} is better.{_note(name)}"))
    return found


def event_figures(scores: xr.Dataset) -> list[Figure]:
    """Scores by lead time and threshold: one chart for each threshold, of few that are spread over all."""
    if "threshold" not in scores.dims:
        return []
    units = units_of(scores)
    found = []
    for name, title in EVENTS:
        if name not in scores:
            continue
        long_name = _capital(str(scores[name].attrs.get("long_name", title)))
        for level in levels_of(scores):
            what = f"{title} ≥ {number(level)}{units}"
            one = scores.sel(threshold=level)
            if np.isfinite(one[name].values).any():
                drawing = _by_lead(one, name, title, floor=0.0, what=what)
                found.append(
                    Figure(what, drawing, f"{long_name} of values ≥ {number(level)}{units}; {_better(name)} is better.")
                )
    return found


def scale_figures(scores: xr.Dataset) -> list[Figure]:
    """The fractions skill score by the width of the window, at the last lead time that has one."""
    if "fss" not in scores or not {"threshold", "scale"} <= set(scores["fss"].dims):
        return []
    lengths, unit = _scales(scores)
    known = scores["fss"].notnull().any([dim for dim in scores["fss"].dims if dim != "lead_time"])
    if not known.any():
        return []
    last = int(np.flatnonzero(known.values)[-1])
    leads, clock_unit, _ = clock(scores)
    when = f"+{leads[last]:g} {clock_unit}"
    found = []
    for level in levels_of(scores):
        values = scores["fss"].sel(threshold=level).isel(lead_time=last)
        if not np.isfinite(values.values).any():
            continue
        title = f"FSS ≥ {number(level)}{units_of(scores)}, {when}"
        drawing = chart(
            [Series(name, lengths, floats(values.sel(forecaster=name)), style) for name, style in _forecasters(scores)],
            alt=f"{title}, by the width of the window, of {_list(scores)}",
            x_label=f"width of the window ({unit})",
            y_label="FSS",
            marks=[(length, number(length)) for length in lengths],
            floor=0.0,
            ceiling=1.0,
            log_x=True,
        )
        caption = f"Fractions skill score at {when} by the width of the window; higher is better."
        found.append(Figure(title, drawing, caption))
    return found


def skill_figures(scores: xr.Dataset) -> list[Figure]:
    """How the model stands to each baseline: its error as a share of theirs, and how much more CSI it has."""
    names = [str(name) for name in scores["forecaster"].values]
    if len(names) < 2:
        return []
    found = []
    for name, title in (("mse", "MSE"), ("crps", "CRPS")):
        ratios = _ratios(scores, name, names)
        if ratios:
            _, unit, marks = clock(scores)
            drawing = chart(
                ratios,
                alt=f"{title} of {names[0]} as a share of that of each baseline, by lead time",
                x_label=f"lead time ({unit})",
                y_label=f"{title} of {shortened(names[0], 14)} / baseline's",
                marks=marks,
                log_y=True,
                rule=(1.0, "as good as the baseline"),
            )
            caption = f"Below 1, {names[0]} has the smaller {title}."
            found.append(Figure(f"{title} against baselines", drawing, caption))
    if "csi_difference" in scores and "against" in scores.dims:
        for level in levels_of(scores):
            one = scores.sel(threshold=level)
            if np.isfinite(one["csi_difference"].values).any():
                found.append(_difference(one, level, names))
    return found


def _difference(one: xr.Dataset, level: float, names: Sequence[str]) -> Figure:
    leads, unit, marks = clock(one)
    title = f"CSI ≥ {number(level)}{units_of(one)} against baselines"
    series = [
        _banded(one.sel(against=against), "csi_difference", f"vs {against}", leads, style_of(str(against), names))
        for against in one["against"].values
    ]
    drawing = chart(
        series,
        alt=f"{title}: how much more {names[0]} has, by lead time",
        x_label=f"lead time ({unit})",
        y_label="difference of CSI",
        marks=marks,
        rule=(0.0, "as good as the baseline"),
    )
    caption = f"Above 0, {names[0]} has the higher CSI."
    return Figure(title, drawing, caption)


def _ratios(scores: xr.Dataset, name: str, names: Sequence[str]) -> list[Series]:
    leads = clock(scores)[0]
    if f"{name}_ratio" in scores and "against" in scores.dims:
        return [
            _banded(scores.sel(against=against), f"{name}_ratio", f"vs {against}", leads, style_of(str(against), names))
            for against in scores["against"].values
        ]
    if name not in scores or "lead_time" not in scores[name].dims:
        return []
    own, found = scores[name].sel(forecaster=names[0]), []
    for other in names[1:]:
        theirs = scores[name].sel(forecaster=other)
        ratio = (own / theirs.where(theirs > 0)).values
        if np.isfinite(ratio).any():
            found.append(Series(f"vs {other}", leads, [float(v) for v in ratio], style_of(other, names)))
    return found


def _by_lead(
    scores: xr.Dataset,
    name: str,
    label: str,
    *,
    floor: float | None = None,
    rule: tuple[float, str] | None = None,
    what: str | None = None,
) -> Markup:
    leads, unit, marks = clock(scores)
    series = [
        _banded(scores.sel(forecaster=forecaster), name, forecaster, leads, style)
        for forecaster, style in _forecasters(scores)
    ]
    alt = f"{what or label} of {_list(scores)}, by lead time up to {marks[-1][1]} {unit}"
    return chart(series, alt=alt, x_label=f"lead time ({unit})", y_label=label, marks=marks, floor=floor, rule=rule)


def _banded(one: xr.Dataset, name: str, title: str, leads: Sequence[float], style: int) -> Series:
    low, high = (
        floats(one[f"{name}_{side}"]) if f"{name}_{side}" in one and one[f"{name}_{side}"].ndim == 1 else None
        for side in ("low", "high")
    )
    return Series(title, leads, floats(one[name]), style, low, high)


def _forecasters(scores: xr.Dataset) -> list[tuple[str, int]]:
    names = [str(name) for name in scores["forecaster"].values]
    return [(name, style_of(name, names)) for name in names]


def levels_of(scores: xr.Dataset) -> list[float]:
    """The thresholds that are drawn: few, spread over all."""
    levels = [float(value) for value in scores["threshold"].values]
    picks = np.unique(np.linspace(0, len(levels) - 1, MOST_LEVELS).round().astype(int))
    return [levels[pick] for pick in picks]


def _scales(scores: xr.Dataset) -> tuple[list[float], str]:
    if "scale_length" not in scores.coords:
        return floats(scores["scale"]), "px"
    lengths, unit = scores["scale_length"].values.astype(float), str(scores["scale_length"].attrs.get("units", ""))
    if unit == "m" and lengths.min() >= 1000:
        lengths, unit = lengths / 1000, "km"
    return [float(length) for length in lengths], unit


def interval_note(scores: xr.Dataset) -> str:
    """What the bands of skill are, or why there are none; empty where nothing is known of them."""
    if "mse_ratio_low" not in scores and "csi_difference_low" not in scores:
        return ""
    if "interval_left_out" in scores.attrs:
        return f"No intervals: {scores.attrs['interval_left_out']}."
    level, blocks = scores.attrs.get("level"), scores.attrs.get("blocks")
    of = f" of {level:.0%}" if isinstance(level, float | np.floating) else ""
    over = f", by resampling {blocks} blocks of time" if blocks is not None else ""
    return f"Bands are intervals{of}{over}."


def _better(name: str) -> str:
    return "higher" if name in HIGHER else "lower" if name in LOWER else "nearer 0"


def _note(name: str) -> str:
    return " Of a deterministic forecast it is the MAE." if name == "crps" else ""


def floats(values: xr.DataArray) -> list[float]:
    """One-dimensional values as plain numbers."""
    return [float(value) for value in values.values]


def _squared(units: str) -> str:
    return units if units in ("", "1") else f"({units})²" if " " in units else f"{units}²"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _list(scores: xr.Dataset) -> str:
    return ", ".join(str(name) for name in scores["forecaster"].values)
