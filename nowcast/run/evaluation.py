"""A forecast beside the truth, and persistence beside both."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import xarray as xr

from nowcast import report
from nowcast.atomic import replacing
from nowcast.cube import label
from nowcast.progress import bar, quiet
from nowcast.readers import reading
from nowcast.run.source import READ_AS, Source, cube_from, forecast_from, given, remembered
from nowcast.verification import persistence, score

__all__ = ["evaluate", "score_beside_persistence"]


def evaluate(
    forecast: xr.DataArray | str | os.PathLike[str],
    source: Source,
    *,
    thresholds: Sequence[float] | None = None,
    scales: Sequence[int] | None = None,
    variable: str | None = None,
    channel: str | int | None = None,
    options: Mapping[str, Any] | None = None,
    picture: str | os.PathLike[str] | None = None,
    progress: bool = True,
) -> xr.Dataset:
    """Score a forecast where the truth is known, by lead time, beside persistence.

    Parameters
    ----------
    forecast
        A forecast cube or the path of one.
    source
        The observed cube, or its paths.
    thresholds
        For CSI, POD, FAR and FSS, in the field's units; None: by the units.
    scales
        Sides of the FSS neighbourhoods in pixels, odd.
    options
        What else `nowcast.open_cube` is told of the files, by its keywords: `{"axes": "TYX", "time_step": "30s"}`;
        what is not told is as the forecast was read.
    picture
        Where to draw truth over forecast over persistence, as PNG; None: nowhere.

    Returns
    -------
    xarray.Dataset
        `mse, mae, psnr, ssim, csi, pod, far, fss, ...` by `forecaster, lead_time[, threshold][, scale]`.

    Raises
    ------
    InputError
        No time in common, or another grid, variable or units.
    """
    with quiet(not progress):
        predicted = forecast_from(forecast)
        name = str(predicted.name) if variable is None else variable
        if isinstance(source, xr.DataArray):
            observed = cube_from(source, options=options)
        else:
            told = {**remembered(predicted.attrs.get(READ_AS)), **given(options)}
            observed = cube_from(source, variable=name, channel=channel, options=told)
        scores = score_beside_persistence(predicted, observed, thresholds=thresholds, scales=scales)
        if picture is not None:
            with replacing(picture) as aside:
                report.picture(predicted, observed, aside)
        return scores


def score_beside_persistence(
    predicted: xr.DataArray,
    observed: xr.DataArray,
    *,
    thresholds: Sequence[float] | None = None,
    scales: Sequence[int] | None = None,
) -> xr.Dataset:
    """`nowcast.verification.score` of a forecast and of persistence, over the same pixels and times."""
    name = str(predicted.attrs.get("nowcast_model", "forecast"))
    forecasts = {
        "forecast" if name == "persistence" else name: predicted,
        "persistence": persistence(observed, predicted, context=int(predicted.attrs.get("nowcast_context", 1))),
    }
    with bar("score") as line, reading(label(observed)):
        return score(forecasts, observed, thresholds=thresholds, scales=scales, progress=line.to)
