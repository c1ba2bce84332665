"""Forecasts scored side by side: sums by reference time, and the scores that a total of them comes to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import dask
import numpy as np
import xarray as xr

from nowcast import __version__
from nowcast.cube import grid_step, iso
from nowcast.errors import InputError
from nowcast.verification.events import counts, event_scores, exceeds
from nowcast.verification.matching import Match, match
from nowcast.verification.neighbourhood import fraction_sums, integral, window_sums
from nowcast.verification.pixelwise import error_sums, psnr
from nowcast.verification.structure import WINDOW, similarity_sum, whole_windows
from nowcast.verification.thresholds import checked_scales, checked_thresholds, default_scales, threshold_rule

__all__ = ["finish", "score", "sums"]

Progress = Callable[[int, int], None]

_LEAD = ("lead_time",)
_PLAIN = ("forecaster", "lead_time")
_EVENT = (*_PLAIN, "threshold")
_SUMS = {
    "cases": _LEAD,
    "pixels": _LEAD,
    "windows": _LEAD,
    "squared_error": _PLAIN,
    "absolute_error": _PLAIN,
    "similarity": _PLAIN,
    "hits": _EVENT,
    "misses": _EVENT,
    "false_alarms": _EVENT,
    "fraction_difference": (*_EVENT, "scale"),
    "fraction_squares": (*_EVENT, "scale"),
}

_ROEBBER = "doi:10.1175/2008WAF2222159.1"
_SCORES = {
    "mse": ("mean squared error", "doi:10.1175/1520-0493(1988)116<2417:SSBOTM>2.0.CO;2"),
    "mae": ("mean absolute error", "doi:10.3354/cr030079"),
    "psnr": ("peak signal-to-noise ratio", "doi:10.1049/el:20080522"),
    "ssim": ("structural similarity", "doi:10.1109/TIP.2003.819861"),
    "csi": ("critical success index", "doi:10.1175/1520-0434(1990)005<0570:TCSIAA>2.0.CO;2"),
    "pod": ("probability of detection", _ROEBBER),
    "far": ("false alarm ratio", _ROEBBER),
    "bias_frequency": ("frequency bias: events forecast per event observed", _ROEBBER),
    "fss": ("fractions skill score", "doi:10.1175/2007MWR2123.1"),
}


def score(
    forecasts: Mapping[str, xr.DataArray],
    observed: xr.DataArray,
    *,
    thresholds: Sequence[float] | None = None,
    scales: Sequence[int] | None = None,
    data_range: float | None = None,
    progress: Progress | None = None,
) -> xr.Dataset:
    """Score forecasts of several forecasters against the truth, all on the same pixels of the same frames.

    Parameters
    ----------
    forecasts
        Forecast cubes `(forecast_reference_time, lead_time, channel, y, x)` by forecaster. Reference and lead times
        that one of them lacks, and pixels that one of them or the truth lacks, are left out for all.
    observed
        The cube `(time, channel, y, x)`. A lead time without an observed frame is left out of that lead time alone.
    thresholds
        An event is `value >= threshold`, in the cube's units; `default_thresholds` where none are named.
    scales
        Window widths in pixels for the fractions skill score, odd; `default_scales` where none are named.
    data_range
        For PSNR and SSIM; the largest minus the smallest observed value over the scored frames where none is named.
    progress
        Called with the number of reference times done and their total.

    Returns
    -------
    xr.Dataset
        `mse, mae, psnr, ssim` by forecaster and lead time, `csi, pod, far, bias_frequency` by threshold too, `fss` by
        threshold and scale; `cases` and `pixels` by lead time. Channels are pooled. Undefined (0/0) is NaN.

    Raises
    ------
    InputError
        Grid, units, variable or dims that do not fit; no time or no pixel in common; thresholds, scales or a data
        range that cannot be used.

    References
    ----------
    Each variable names its paper in the attribute `source`.
    """
    total = sums(
        forecasts, observed, thresholds=thresholds, scales=scales, data_range=data_range, progress=progress
    ).sum("forecast_reference_time", keep_attrs=True)
    return finish(total)


def sums(
    forecasts: Mapping[str, xr.DataArray],
    observed: xr.DataArray,
    *,
    thresholds: Sequence[float] | None = None,
    scales: Sequence[int] | None = None,
    data_range: float | None = None,
    progress: Progress | None = None,
) -> xr.Dataset:
    """What `score` adds up, one row per reference time: for pooling periods, and for intervals by resampling cases.

    Parameters and errors are those of `score`. `finish(sums(...).sum("forecast_reference_time", keep_attrs=True))`
    is `score(...)`. Sums of several periods add only where thresholds, scales and `data_range` are the same.
    """
    matched = match(forecasts, observed)
    rows, columns = observed.sizes["y"], observed.sizes["x"]
    if thresholds is None:
        levels, rule = threshold_rule(observed)
    else:
        levels, rule = checked_thresholds(thresholds), "given"
    widths = default_scales(rows, columns) if scales is None else checked_scales(scales, rows=rows, columns=columns)
    span, span_rule = _data_range(observed, matched, data_range)
    sizes = {"forecaster": len(forecasts), "lead_time": len(matched.leads)}
    sizes |= {"threshold": len(levels), "scale": len(widths)}
    total = len(matched.references)
    table = {name: np.zeros((total, *(sizes[dim] for dim in dims))) for name, dims in _SUMS.items()}
    frames: dict[int, np.ndarray] = {}
    for case in range(total):
        needed = np.unique(matched.frames[case][matched.frames[case] >= 0])
        # Neighbouring cases share most of their frames; those that this one does not need are let go.
        frames = {index: frame for index, frame in frames.items() if index in needed}
        missing = [int(index) for index in needed if index not in frames]
        frames |= dict(zip(missing, observed.isel(time=missing).values, strict=True)) if missing else {}
        leads = np.flatnonzero(matched.frames[case] >= 0)
        loaded = [
            each.isel(forecast_reference_time=matched.cases[name][case], lead_time=matched.lead_positions[name][leads])
            for name, each in forecasts.items()
        ]
        fields = [each.data for each in dask.compute(*loaded)]
        for position, lead in enumerate(leads):
            truth = frames[int(matched.frames[case, lead])]
            for channel in range(len(truth)):
                stack = np.stack([truth[channel], *(field[position, channel] for field in fields)])
                _add_frame(table, (case, int(lead)), stack, levels, widths, span)
        table["cases"][case] = table["pixels"][case] > 0
        if progress is not None:
            progress(case + 1, total)
    if not table["pixels"].any():
        raise InputError(
            "no pixel has a value in the truth and in every forecast at once",
            found="; ".join(f"forecast {name!r} of {total} reference time(s)" for name in forecasts),
            needed="at least one pixel that the observed cube and all forecasts share",
        )
    units = str(observed.attrs.get("units", ""))
    data = xr.Dataset(
        {name: (("forecast_reference_time", *dims), table[name]) for name, dims in _SUMS.items()},
        coords=_coords(forecasts, observed, matched, levels, widths, units),
    )
    used = matched.references[table["pixels"].any(axis=1)]
    return data.assign_attrs(
        variable=str(observed.name),
        units=units,
        data_range=span,
        data_range_source=span_rule,
        thresholds_source=rule,
        population="pixels that the observed cube and all forecasters share",
        reference_times=len(used),
        first_reference_time=iso(used.min()),
        last_reference_time=iso(used.max()),
        nowcast_version=__version__,
    )


def _add_frame(
    table: dict[str, np.ndarray],
    at: tuple[int, int],
    stack: np.ndarray,
    levels: list[float],
    widths: list[int],
    span: float,
) -> None:
    """Add one frame to the sums; `stack` `(1 + forecaster, y, x)` holds the truth first."""
    case, lead = at
    valid = np.isfinite(stack).all(axis=0)
    pixels = int(np.count_nonzero(valid))
    if pixels == 0:
        return
    stack = np.where(valid, stack, 0)
    truth = stack[0]
    whole = whole_windows(valid)
    table["pixels"][case, lead] += pixels
    table["windows"][case, lead] += np.count_nonzero(whole)
    for member, field in enumerate(stack[1:]):
        squared, absolute = error_sums(field, truth, valid)
        table["squared_error"][case, member, lead] += squared
        table["absolute_error"][case, member, lead] += absolute
        table["similarity"][case, member, lead] += similarity_sum(field, truth, whole, data_range=span)
    valid_table = integral(valid)
    for level, threshold in enumerate(levels):
        events = exceeds(stack, threshold) & valid
        for member, event in enumerate(events[1:]):
            found = counts(event, events[0])
            for name, count in zip(("hits", "misses", "false_alarms"), found, strict=True):
                table[name][case, member, lead, level] += count
        event_table = integral(events)
        for index, width in enumerate(widths):
            half = width // 2
            centre = valid[half : valid.shape[0] - half, half : valid.shape[1] - half]
            windows = window_sums(event_table, width), window_sums(valid_table, width)
            difference, squares = fraction_sums(*windows, centre)
            table["fraction_difference"][case, :, lead, level, index] += difference
            table["fraction_squares"][case, :, lead, level, index] += squares


def finish(total: xr.Dataset) -> xr.Dataset:
    """Scores from sums, whatever they were summed over; what is 0/0 is NaN.

    Parameters
    ----------
    total
        What `sums` returns, summed over reference times (or over some of them, or not at all), with its attributes.

    Returns
    -------
    xr.Dataset
        As told by `score`.
    """
    units = str(total.attrs["units"])
    span = float(total.attrs["data_range"])
    mse = total["squared_error"] / total["pixels"]
    found = {
        "mse": mse,
        "mae": total["absolute_error"] / total["pixels"],
        "psnr": psnr(mse, span),
        "ssim": total["similarity"].where(span > 0) / total["windows"],
        **event_scores(total["hits"], total["misses"], total["false_alarms"], total["pixels"]),
        "fss": 1 - total["fraction_difference"] / total["fraction_squares"],
    }
    squared = {"1": "1", "": ""}.get(units, f"({units})2")
    stated = {"mse": squared, "mae": units, "psnr": "dB"}
    variables: dict[str, xr.DataArray] = {}
    for name, (long_name, source) in _SCORES.items():
        dims = [dim for dim in total["fraction_squares"].dims if dim in found[name].dims]
        attrs = {"long_name": long_name, "units": stated.get(name, "1"), "source": source}
        variables[name] = found[name].transpose(*dims).assign_attrs(attrs)
    variables["psnr"].attrs["comment"] = f"from the mse and a data range of {span:g} {units}".rstrip()
    variables["ssim"].attrs["comment"] = f"Gaussian windows of {WINDOW} pixels, sigma 1.5, wholly observed ones only"
    variables["fss"].attrs["comment"] = "windows within the grid and about a valid pixel; events per valid pixel"
    for name, long_name in (("cases", "reference times scored"), ("pixels", "pixels scored")):
        variables[name] = total[name].astype(np.int64).assign_attrs(long_name=long_name, units="1")
    return xr.Dataset(variables, attrs=total.attrs)


def _data_range(observed: xr.DataArray, matched: Match, given: float | None) -> tuple[float, str]:
    if given is not None:
        if not (np.isfinite(given) and given > 0):
            raise InputError("data_range cannot be used", found=str(given), needed="a positive number")
        return float(given), "given"
    used = observed.isel(time=np.unique(matched.frames[matched.frames >= 0]))
    lazy = used if used.chunks else used.chunk({"time": 16})
    known = np.isfinite(lazy)
    lowest, highest = dask.compute(lazy.where(known, np.inf).min(), lazy.where(known, -np.inf).max())
    if lowest > highest:
        raise InputError("no pixel of the observed frames that match the forecasts has a value")
    return float(highest) - float(lowest), "largest minus smallest observed value over the scored frames"


def _coords(
    forecasts: Mapping[str, xr.DataArray],
    observed: xr.DataArray,
    matched: Match,
    levels: list[float],
    widths: list[int],
    units: str,
) -> dict[str, Any]:
    first = next(iter(forecasts.values()))
    coords: dict[str, Any] = {
        "forecast_reference_time": (
            "forecast_reference_time",
            matched.references,
            {"standard_name": "forecast_reference_time"},
        ),
        "forecaster": ("forecaster", list(forecasts), {"long_name": "forecaster"}),
        "lead_time": ("lead_time", matched.leads, {"standard_name": "forecast_period", **first["lead_time"].attrs}),
        "threshold": ("threshold", levels, {"long_name": "event: value >= threshold", "units": units}),
        "scale": ("scale", widths, {"long_name": "width of the window", "units": "pixel"}),
    }
    step = grid_step(observed)
    # One length stands for a square window only where the pixels are square, to within a hundredth.
    if step is not None and step["units"] and abs(step["y"] - step["x"]) <= 0.01 * step["x"]:
        lengths = np.array(widths) * step["x"]
        coords["scale_length"] = ("scale", lengths, {"long_name": "width of the window", "units": step["units"]})
    return coords
