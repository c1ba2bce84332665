"""What people look at: a table of scores for the terminal, and pictures of forecasts beside the truth."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from rich.markup import escape
from rich.table import Table

from nowcast.cube import STEP_TOLERANCE, grid_step, time_step, upright
from nowcast.description import Description
from nowcast.errors import printable
from nowcast.units import is_rain, rain_rate_of_one

__all__ = ["description_table", "picture", "score_table", "verdict"]

RAIN = ("#dfe3e8", "#a6d8f0", "#5aa9e0", "#2a6fc4", "#2f9e58", "#8fce4b", "#f7e34d", "#f5a623", "#e2402c", "#9c1f6b")
RAIN_LEVELS = (0.1, 0.5, 1, 2, 5, 10, 20, 30, 50)
MOST_COLUMNS = 6


def lead_texts(lead_time: xr.DataArray) -> list[str]:
    """Lead times as people say them: minutes, or seconds where they are shorter."""
    seconds = lead_time.values / np.timedelta64(1, "s")
    if (seconds % 60 == 0).all():
        return [f"{value / 60:g} min" for value in seconds]
    return [f"{value:g} s" for value in seconds]


def score_table(scores: xr.Dataset) -> Table:
    """One row per lead time; for each score the model beside the baselines, the better one bold.

    Parameters
    ----------
    scores
        From `nowcast.evaluate`: dims `forecaster, lead_time[, threshold][, scale]`.
    """
    names = [str(name) for name in scores["forecaster"].values]
    columns = [(name.upper(), scores[name], name not in {"mse", "mae"}) for name in ("mse", "mae", "psnr", "ssim")]
    units = escape(printable(str(scores.attrs.get("units", ""))))
    if "threshold" in scores.dims:
        levels = scores["threshold"].values[1:3] if scores.sizes["threshold"] > 2 else scores["threshold"].values
        columns += [(f"CSI ≥ {value:g}", scores["csi"].sel(threshold=value), True) for value in levels]
        middle = levels[0]
        scale = scores["scale"].values[min(2, scores.sizes["scale"] - 1)]
        columns.append((f"FSS ≥ {middle:g}, {scale} px", scores["fss"].sel(threshold=middle, scale=scale), True))
    cases = int(scores["cases"].max()) if "cases" in scores else 0
    table = Table(
        title=f"{escape(printable(str(scores.attrs.get('variable', ''))))} ({units}): {' | '.join(names)}",
        caption=f"{cases} forecast(s); the better one bold; CSI and FSS thresholds in {units or 'the field`s units'}",
        title_justify="left",
        caption_justify="left",
    )
    table.add_column("lead", justify="right")
    for title, _, _ in columns:
        table.add_column(title, justify="right")
    for row, lead in enumerate(lead_texts(scores["lead_time"])):
        cells = []
        for _, values, higher in columns:
            numbers = [float(values.isel(lead_time=row).sel(forecaster=name)) for name in names]
            finite = [number for number in numbers if np.isfinite(number)]
            best = (max(finite) if higher else min(finite)) if len(finite) > 1 else None
            texts = [_number(number) for number in numbers]
            cells.append(
                " | ".join(
                    f"[bold]{text}[/bold]" if number == best else text
                    for text, number in zip(texts, numbers, strict=True)
                )
            )
        table.add_row(lead, *cells)
    return table


def description_table(description: Description, plan: Mapping[str, Any]) -> Table:
    """What `nowcast inspect` prints: what the cube is, and what `nowcast fit` would do with it."""
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    step = description.time_step_seconds
    pixel = description.pixel_size
    rows = [
        ("variable", f"{description.variable}  {description.long_name or ''}"),
        ("units", description.units or "none stated"),
        ("shape", ", ".join(f"{n} {d}" for d, n in zip(description.dims, description.shape, strict=True))),
        ("stored as", f"{description.dtype}, {description.bytes / 1e6:.1f} MB decoded, chunks {_sizes(description)}"),
        ("time", f"{description.time_start} to {description.time_end} UTC"),
        ("time step", "one frame" if step is None else f"{step:g} s"),
        ("gaps", _gaps(description)),
        ("sequences", str(description.sequences)),
        ("projection", description.crs or "none stated"),
        ("pixel", f"{pixel['y']:g} x {pixel['x']:g} {pixel['units'] or ''}" if pixel else "unknown"),
        ("missing", f"{description.missing_fraction:.2%} of the pixels"),
        ("values", _values(description)),
        *(("beware", warning) for warning in description.warnings),
        *(("fit would", line) for line in _plan_lines(plan)),
    ]
    for name, text in rows:
        table.add_row(name, escape(printable(text)))
    return table


def _sizes(description: Description) -> str:
    chunks = description.chunks
    return "none" if chunks is None else " x ".join(str(size) for size in chunks.values())


def _gaps(description: Description) -> str:
    if not description.gaps:
        return "none"
    first = description.gaps[0]
    return f"{len(description.gaps)}; the first after {first['after']}, {first['seconds']:g} s long"


def _values(description: Description) -> str:
    if description.min is None:
        return "none"
    spread = ", ".join(f"{float(share):.1%}: {value:.4g}" for share, value in description.quantiles.items())
    return f"{description.min:.4g} to {description.max:.4g}; {description.zero_fraction:.1%} zeros; {spread}"


def _plan_lines(plan: Mapping[str, Any]) -> list[str]:
    if "refused" in plan:
        return [f"refuse: {plan['refused']}"]
    frames = ", ".join(f"{count} {name}" for name, count in plan["frames"].items())
    return [
        f"take {plan['context']} frames in and {plan['horizon']} out",
        f"cut time into {frames} frames, {plan['embargo_frames']} unused between",
        f"scale by {plan['scaling']}",
    ]


def verdict(scores: xr.Dataset) -> str:
    """In one sentence: at how many lead times the model's squared error is smaller than persistence's."""
    names = [str(name) for name in scores["forecaster"].values if name != "persistence"]
    error = scores["mse"]
    better = int((error.sel(forecaster=names[0]) < error.sel(forecaster="persistence")).sum())
    word = "beats" if better == error.sizes["lead_time"] else "does not always beat" if better else "does not beat"
    return f"{names[0]} {word} persistence: smaller squared error at {better} of {error.sizes['lead_time']} lead times"


def _number(value: float) -> str:
    return "–" if np.isnan(value) else f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"


def picture(
    forecast: xr.DataArray, observed: xr.DataArray, path: str | os.PathLike[str], *, reference: int | None = None
) -> None:
    """Draw truth over forecast over persistence, by lead time, in the field's usual colours, to a PNG.

    Parameters
    ----------
    forecast
        Dims `(forecast_reference_time, lead_time, channel, y, x)`.
    observed
        The cube that it came from; frames that it does not hold, to within a jitter of the clock, stay blank.
    reference
        Which reference time; None: the one with the highest mean of what was observed then.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    chosen = _liveliest(forecast, observed) if reference is None else reference
    one = forecast.isel(forecast_reference_time=chosen, channel=0).load()
    start = one["forecast_reference_time"].values
    times = observed["time"].values
    leads = np.unique(np.linspace(0, one.sizes["lead_time"] - 1, MOST_COLUMNS).round().astype(int))
    tolerance = STEP_TOLERANCE * (time_step(observed) or 0.0)
    blank = np.full(one.shape[1:], np.nan, dtype="float32")

    def seen(time: Any) -> np.ndarray:
        nearest = int(np.abs(times - time).argmin())
        if abs(times[nearest] - time) / np.timedelta64(1, "s") > tolerance:
            return blank
        values: np.ndarray = observed.isel(time=nearest, channel=0).values.astype("float32")
        return values

    newest = seen(start)
    rows = [
        ("observed", [seen(one["valid_time"].values[lead]) for lead in leads]),
        (str(forecast.attrs.get("nowcast_model", "forecast")), [one.isel(lead_time=lead).values for lead in leads]),
        ("persistence", [newest for _ in leads]),
    ]
    colours, norm, levels = _colours(observed, [frame for _, frames in rows for frame in frames])
    rows_up, columns_right = upright(one)
    texts = lead_texts(one["lead_time"])
    height = one.shape[1] / one.shape[2]
    side = max(2.1, 5.0 / len(leads))  # few frames are drawn larger, so that the title finds room
    figure = Figure(figsize=(side * len(leads) + 1.6, side * height * 3 + 1.1), layout="constrained")
    axes = figure.subplots(3, len(leads), squeeze=False)
    image: Any = None
    with mpl.rc_context({"font.size": 9}):
        for row, (name, frames) in enumerate(rows):
            for place, frame, lead in zip(axes[row], frames, leads, strict=True):
                image = place.imshow(frame[rows_up, columns_right], cmap=colours, norm=norm, interpolation="none")
                place.set_facecolor("#f4f1ec")
                place.set_xticks([])
                place.set_yticks([])
                if row == 0:
                    place.set_title(f"+{texts[lead]}")
            axes[row, 0].set_ylabel(name)
        units = observed.attrs.get("units", "1")
        figure.colorbar(
            image,
            ax=axes,
            shrink=0.8,
            label=str(observed.name) + (f" ({units})" if units not in ("", "1") else ""),
            ticks=levels,
            extend="max",
        )
        title = f"{observed.attrs.get('long_name', observed.name)}, forecast from "
        figure.suptitle(title + _beginning(one["forecast_reference_time"], observed["time"].attrs) + _extent(one))
        figure.savefig(path, dpi=110, format="png", bbox_inches="tight")


def _liveliest(forecast: xr.DataArray, observed: xr.DataArray) -> int:
    """The reference time with the highest mean of what was observed; the forecasts, which may be lazy, are not read."""
    times = observed["time"].values
    starts = forecast["forecast_reference_time"].values
    if len(starts) == 1:
        return 0
    means = observed.isel(time=np.isin(times, starts)).mean(("channel", "y", "x")).values
    known = dict(zip(times[np.isin(times, starts)], means, strict=True))
    return int(np.argmax([np.nan_to_num(known.get(start, -np.inf), nan=-np.inf) for start in starts]))


def _colours(observed: xr.DataArray, frames: list[np.ndarray]) -> tuple[Any, Any, Any]:
    from matplotlib.colors import BoundaryNorm, ListedColormap, Normalize

    values = np.concatenate([frame[np.isfinite(frame)].ravel() for frame in frames])
    if is_rain(observed) and len(values):
        one = rain_rate_of_one(observed) or 1.0
        levels = [float(f"{level / one:.2g}") for level in RAIN_LEVELS]
        levels = levels[: max(4, int(np.searchsorted(levels, float(values.max()))) + 1)]
        colours = ListedColormap(RAIN[1 : len(levels)]).with_extremes(under=RAIN[0], over=RAIN[-1])
        return colours, BoundaryNorm(levels, len(levels) - 1), levels
    low, high = np.quantile(values, (0.01, 0.995)) if len(values) else (0.0, 1.0)
    grey = observed.name == "grey" or observed["x"].attrs.get("units") == "um"
    return "gray" if grey else "viridis", Normalize(float(low), float(high)), None


def _extent(frame: xr.DataArray) -> str:
    """The size of the field in words."""
    step = grid_step(frame)
    if step is None or step["units"] in (None, "1"):
        return ""
    height, width = (step[axis] * frame.sizes[axis] for axis in ("y", "x"))
    units = step["units"]
    if units == "m" and min(height, width) >= 1000:
        height, width, units = height / 1000, width / 1000, "km"
    return f"; {width:.4g} x {height:.4g} {units}"


def _beginning(start: xr.DataArray, clock: Mapping[Any, Any]) -> str:
    """The reference time in words; of a clip, whose times count from its first frame, that of the clip."""
    if "counted_from" in clock:
        return f"{(start.values - np.datetime64(0, 'ns')) / np.timedelta64(1, 's'):g} s after the first frame"
    return str(np.datetime_as_string(start.values, "m")).replace("T", " ") + " UTC"
