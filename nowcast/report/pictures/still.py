"""Forecasts beside the truth, as a still picture."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import xarray as xr

from nowcast.cube import STEP_TOLERANCE, time_step, upright
from nowcast.report.pictures.colours import MISSING, field_colours
from nowcast.report.wording import beginning, extent, lead_texts, with_units

__all__ = ["frames_seen", "picture"]

MOST_COLUMNS = 6
LEFT, RIGHT, TOP, BOTTOM = 0.35, 1.15, 0.55, 0.1
"""Inches around the frames. Set, for matplotlib's own layout of 30 panels takes longer than all the rest."""

PALER = 0.7
"""Share of the colour of what is missing, where a forecast is not scored."""

GAP = 0.04
"""Between two frames, as a share of their width."""

NONE: Mapping[str, xr.DataArray] = MappingProxyType({})


def picture(
    predicted: xr.DataArray,
    observed: xr.DataArray,
    path: str | os.PathLike[str],
    *,
    beside: Mapping[str, xr.DataArray] = NONE,
) -> None:
    """Draw truth over forecast over baselines over persistence, by lead time, in the field's usual colours, to a PNG.

    Of several reference times the one is drawn at which the mean of what was observed is the highest.
    Where a baseline knows nothing, as where advection brings what lies beyond the field, the forecast is paler: it is
    not scored there.

    Parameters
    ----------
    predicted
        Dims `(forecast_reference_time, lead_time, channel, y, x)`.
    observed
        The cube that it came from; frames that it does not hold, to within a jitter of the clock, stay blank.
    beside
        Forecast cubes of baselines by their names, on the same grid; times that they lack stay blank.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    one = predicted.isel(forecast_reference_time=_liveliest(predicted, observed), channel=0).load()
    start = one["forecast_reference_time"].values
    leads = np.unique(np.linspace(0, one.sizes["lead_time"] - 1, MOST_COLUMNS).round().astype(int))
    seen = frames_seen(observed)
    shown = one.isel(lead_time=leads)
    newest = seen(start)
    baselines = {name: _like(each, shown) for name, each in beside.items()}
    veils = [_guessed(frame, others) for frame, *others in zip(shown.values, *baselines.values(), strict=True)]
    model = str(predicted.attrs.get("nowcast_model", "forecast"))
    rows = [
        ("observed", [seen(time) for time in shown["valid_time"].values]),
        (model + ("\npaler: not scored" if np.any(veils) else ""), list(shown.values)),
        *baselines.items(),
        ("persistence", [newest for _ in leads]),
    ]
    colours, norm, levels = field_colours(observed, [frame for _, frames in rows for frame in frames])
    rows_up, columns_right = upright(one)
    texts = lead_texts(one["lead_time"])
    height = one.shape[1] / one.shape[2]
    side = max(2.1, 5.0 / len(leads))  # few frames are drawn larger, so that the title finds room
    width, tall = side * len(leads) + LEFT + RIGHT, side * height * len(rows) + TOP + BOTTOM
    figure = Figure(figsize=(width, tall))
    axes = figure.subplots(
        len(rows),
        len(leads),
        squeeze=False,
        gridspec_kw={
            "left": LEFT / width,
            "right": 1 - RIGHT / width,
            "top": 1 - TOP / tall,
            "bottom": BOTTOM / tall,
            "wspace": GAP,
            "hspace": GAP / height,
        },
    )
    image: Any = None
    with mpl.rc_context({"font.size": 9}):
        for place, veil in ((place, veil) for place, veil in zip(axes[1], veils, strict=True) if veil.any()):
            shade = np.zeros((*veil.shape, 4))
            shade[veil] = mpl.colors.to_rgba(MISSING, PALER)
            place.imshow(shade[rows_up, columns_right], interpolation="none", zorder=1)
        for row, (name, frames) in enumerate(rows):
            for place, frame, lead in zip(axes[row], frames, leads, strict=True):
                image = place.imshow(frame[rows_up, columns_right], cmap=colours, norm=norm, interpolation="none")
                place.set_facecolor(MISSING)
                place.set_xticks([])
                place.set_yticks([])
                if row == 0:
                    place.set_title(f"+{texts[lead]}")
            axes[row, 0].set_ylabel(name)
        figure.colorbar(
            image,
            cax=figure.add_axes(
                (1 - (RIGHT - 0.15) / width, 0.1 + BOTTOM / tall, 0.2 / width, 0.8 - (TOP + BOTTOM) / tall)
            ),
            label=with_units(str(observed.name), str(observed.attrs.get("units", ""))),
            ticks=levels,
            extend="max",
        )
        title = f"{observed.attrs.get('long_name', observed.name)}, forecast from "
        size = extent(one)
        title += beginning(one["forecast_reference_time"], observed["time"]) + (f"; {size}" if size else "")
        figure.suptitle(title, y=1 - 0.1 / tall)
        figure.savefig(path, dpi=110, format="png", bbox_inches="tight")


def frames_seen(observed: xr.DataArray) -> Callable[[Any], np.ndarray]:
    """A function of a time: the first channel observed then, to within a jitter of the clock, or a blank frame."""
    times = observed["time"].values
    tolerance = STEP_TOLERANCE * (time_step(observed) or 0.0)

    def seen(time: Any) -> np.ndarray:
        nearest = int(np.abs(times - time).argmin())
        if abs(times[nearest] - time) / np.timedelta64(1, "s") > tolerance:
            return np.full(observed.shape[2:], np.nan, dtype="float32")
        values: np.ndarray = observed.isel(time=nearest, channel=0).values.astype("float32")
        return values

    return seen


def _like(forecast: xr.DataArray, shown: xr.DataArray) -> list[np.ndarray]:
    """A baseline's first channel at the reference and lead times that are shown."""
    start = shown["forecast_reference_time"].values
    one = forecast.isel(channel=0, forecast_reference_time=forecast["forecast_reference_time"].values == start)
    own = {lead: index for index, lead in enumerate(one["lead_time"].values)}
    blank = np.full(shown.shape[1:], np.nan, dtype="float32")
    if not one.sizes["forecast_reference_time"]:
        return [blank] * shown.sizes["lead_time"]
    values = one.isel(forecast_reference_time=0).values
    return [values[own[lead]] if lead in own else blank for lead in shown["lead_time"].values]


def _liveliest(forecast: xr.DataArray, observed: xr.DataArray) -> int:
    """The reference time with the highest mean of what was observed; the forecasts, which may be lazy, are not read."""
    times = observed["time"].values
    starts = forecast["forecast_reference_time"].values
    if len(starts) == 1:
        return 0
    means = observed.isel(time=np.isin(times, starts)).mean(("channel", "y", "x")).values
    known = dict(zip(times[np.isin(times, starts)], means, strict=True))
    return int(np.argmax([np.nan_to_num(known.get(start, -np.inf), nan=-np.inf) for start in starts]))


def _guessed(frame: np.ndarray, others: list[np.ndarray]) -> np.ndarray:
    """Where a forecast tells something and a baseline that tells anything does not."""
    guessed = np.zeros(frame.shape, dtype=bool)
    for other in others:
        known = np.isfinite(other)
        guessed |= ~known & bool(known.any())
    found: np.ndarray = guessed & np.isfinite(frame)
    return found
