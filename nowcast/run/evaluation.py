"""A forecast beside the truth, and the baselines beside both."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from nowcast import products, report
from nowcast.atomic import replacing
from nowcast.cube import label, time_step
from nowcast.progress import bar, quiet, tell
from nowcast.readers import reading
from nowcast.readers.options import given
from nowcast.run.baselines import USUAL, baseline, checked
from nowcast.run.source import READ_AS, Source, cube_from, forecast_from, remembered
from nowcast.sizes import duration
from nowcast.units import CONVERTED_FROM, conversion, in_units
from nowcast.verification import score

__all__ = ["drawn", "evaluate", "score_beside_baselines"]

LEVEL = 0.9
"""Of the intervals of the verdict."""

LITTLE_SHARED = 0.5
"""Of the pixels known to all at one lead time, the share below which it is told that another has few."""


def evaluate(
    forecast: xr.DataArray | xr.Dataset | str | os.PathLike[str],
    source: Source,
    *,
    baselines: Sequence[str] = USUAL,
    thresholds: Sequence[float] | None = None,
    scales: Sequence[int] | None = None,
    variable: str | None = None,
    channel: str | int | None = None,
    options: Mapping[str, Any] | None = None,
    picture: str | os.PathLike[str] | None = None,
    progress: bool = True,
) -> xr.Dataset:
    """Score a forecast where the truth is known, by lead time, beside forecasts that nothing was learnt for.

    Parameters
    ----------
    forecast
        A forecast cube, a probabilistic forecast (see `nowcast.products`), or the path of one.
    source
        The observed cube, or its paths. Rain in other units than the forecast's is converted to those, which is told.
    baselines
        What is scored beside it, from the frames that it had: `"persistence"`, `"advection"`, and of pysteps
        `"pysteps"` and `"steps"`. All are scored on the pixels that all of them know.
    thresholds
        For CSI, POD, FAR and FSS, in the field's units; None: by the units.
    scales
        Sides of the FSS neighbourhoods in pixels, odd.
    options
        What else `nowcast.open_cube` is told of the files, by its keywords: `{"axes": "TYX", "time_step": "30s"}`;
        what is not told is as the forecast was read.
    picture
        Where to draw truth over forecast over baselines, as PNG; None: nowhere.

    Returns
    -------
    xarray.Dataset
        `mse, mae, psnr, ssim, csi, pod, far, fss, ...` by `forecaster, lead_time[, threshold][, scale]`.

    Raises
    ------
    InputError
        No time in common, or another grid, variable or units; an unknown baseline.
    MachineError
        The package that a baseline needs is not installed.
    """
    baselines = checked(baselines)
    with quiet(not progress):
        predicted = forecast_from(forecast, variable=variable)
        own = products.mean(predicted)
        name = str(own.name) if variable is None else variable
        if isinstance(source, xr.DataArray):
            observed = cube_from(source, options=options)
        else:
            told = {**remembered(own.attrs.get(READ_AS)), **given(options)}
            # from another name in the file
            renamed = variable is None and bool(told.get("zr") or told.get("classes") or CONVERTED_FROM in own.attrs)
            observed = cube_from(source, variable=None if renamed else name, channel=channel, options=told)
        if conversion(observed, own.attrs.get("units")) is not None:
            observed = in_units(observed, name=str(own.name), units=own.attrs.get("units"))
        beside = {each: baseline(each, observed, predicted, thresholds=thresholds) for each in baselines}
        scores = score_beside_baselines(predicted, observed, beside, thresholds=thresholds, scales=scales)
        if picture is not None:
            with replacing(picture) as aside:
                report.picture(products.matched(predicted), observed, aside, beside=drawn(beside))
        return scores


def drawn(beside: Mapping[str, xr.DataArray | xr.Dataset]) -> dict[str, xr.DataArray]:
    """What a picture shows of the baselines: the field for the eye, and persistence by itself."""
    return {name: products.matched(each) for name, each in beside.items() if name != "persistence"}


def score_beside_baselines(
    predicted: xr.DataArray | xr.Dataset,
    observed: xr.DataArray,
    beside: Mapping[str, xr.DataArray | xr.Dataset],
    *,
    thresholds: Sequence[float] | None = None,
    scales: Sequence[int] | None = None,
) -> xr.Dataset:
    """`nowcast.verification.score` of a forecast and of baselines, over the pixels and times that all of them know."""
    name = str(products.mean(predicted).attrs.get("nowcast_model", "forecast"))
    forecasts: Any = {"forecast" if name in beside else name: predicted, **beside}
    with bar("score") as line, reading(label(observed)):
        scores = score(
            forecasts,
            observed,
            thresholds=thresholds,
            scales=scales,
            level=LEVEL if beside else None,
            block=_span(products.mean(predicted), observed),
            progress=line.to,
        )
    _tell_shared(scores)
    return scores


def _span(predicted: xr.DataArray, observed: xr.DataArray) -> np.timedelta64:
    """From the first frame given to the last one asked for: starting times so far apart share no frame."""
    given = int(predicted.attrs.get("nowcast_context", 1)) * (time_step(observed) or 0.0)
    span: np.timedelta64 = predicted["lead_time"].values.max() + np.timedelta64(round(given * 1e9), "ns")
    return span


def _tell_shared(scores: xr.Dataset) -> None:
    """Say where much of the field is scored for nobody, because some forecaster does not know it."""
    shared = (scores["pixels"] / scores["cases"]).values
    few = np.flatnonzero(~(shared >= LITTLE_SHARED * np.nanmax(shared)))
    if len(few):
        least = np.nan_to_num(shared[few]).min() / np.nanmax(shared)
        when = duration(float(scores["lead_time"].values[few[0]] / np.timedelta64(1, "s")))
        tell(f"beware   from {when} ahead as little as {least:.0%} of the pixels are known to all and scored:")
        tell("         nothing is brought from beyond the field; evaluate --baselines persistence scores all of them")
