"""A run and the newest frames make a forecast."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import xarray as xr

from nowcast import model_file, rollout
from nowcast.cube import iso
from nowcast.errors import InputError
from nowcast.models import Forecaster
from nowcast.progress import bar, quiet, tell
from nowcast.readers.options import Options
from nowcast.run import folder
from nowcast.run.source import READ_AS, Source, cube_from, given, minutes, remembered
from nowcast.scaling import Scaler

__all__ = ["forecast", "predict"]

MOST_IN_MEMORY = 1_000_000_000
"""Bytes up to which a forecast is computed at once; beyond it, it stays lazy and is computed while it is written."""


def forecast(
    source: Source,
    *,
    run: str | os.PathLike[str] | None = None,
    at: str | np.datetime64 | Sequence[str | np.datetime64] | None = None,
    every: bool = False,
    horizon: int | None = None,
    variable: str | None = None,
    channel: str | int | None = None,
    options: Mapping[str, Any] | None = None,
    progress: bool = True,
) -> xr.DataArray:
    """Forecast from the newest frames, from the times `at`, or from every time that has enough frames before it.

    Parameters
    ----------
    source
        A cube, or paths.
    run
        A run's folder or a model file; None: the newest run under `runs/` that fits the cube.
    at
        Reference time(s): times of the newest frame given, ISO 8601 in UTC.
    horizon
        Frames to forecast; None: as many as the model was trained for.
    options
        What else `nowcast.open_cube` is told of the files, by its keywords: `{"axes": "TYX", "time_step": "30s"}`;
        what is not told is as the model's training files were read.

    Returns
    -------
    xarray.DataArray
        Dims `(forecast_reference_time, lead_time, channel, y, x)`, in the cube's units, on its grid.

    Raises
    ------
    InputError
        No model that fits, or not enough frames in a row up to a reference time.
    """
    with quiet(not progress):
        cube, path, read_as = _opened(source, run, variable=variable, channel=channel, options=given(options))
        forecaster, card = model_file.load(path)
        model_file.require(card, cube, path=path)
        tell(f"model    {path} ({card.model}, {card.context} frames in, {card.horizon} out)")
        if every:
            references = rollout.usable_references(cube, card.context)
        elif at is None:
            references = rollout.newest_references(cube)
        else:
            times = [at] if isinstance(at, (str, np.datetime64)) else list(at)
            references = sorted({index for time in times for index in rollout.reference_indices(cube, time)})
        result = predict(
            forecaster,
            Scaler.from_dict(card.scaler),
            cube,
            title="forecast",
            context=card.context,
            horizon=card.horizon if horizon is None else horizon,
            references=references,
            name=card.model,
        )
        if read_as:
            result = result.assign_attrs({READ_AS: json.dumps(read_as)})
        tell(f"forecast {_told(result)}")
        if not every and result["valid_time"].values.max() > cube["time"].values[-1]:
            known = [
                i for i in rollout.usable_references(cube, card.context) if i + result.sizes["lead_time"] < len(cube)
            ]
            when = f"; one that can be scored now: --at {iso(cube['time'].values[known[-1]])}" if known else ""
            tell(f"truth    not known yet for every lead time{when}")
        return result


def _opened(
    source: Source,
    run: str | os.PathLike[str] | None,
    *,
    variable: str | None,
    channel: str | int | None,
    options: dict[str, Any],
) -> tuple[xr.DataArray, Path, dict[str, Any]]:
    """The cube, the model for it, and the options that the cube was read with: as the model's own training files were.

    Of the runs under `runs/`, the newest that fits the source when read so.
    """
    if isinstance(source, xr.DataArray):
        cube = cube_from(source, options=options)
        return cube, folder.find_model(run, cube), {}
    cubes: dict[str, xr.DataArray | InputError] = {}

    def read_as(kept: dict[str, Any]) -> xr.DataArray:
        told = {**remembered(kept), **options}
        key = json.dumps(told, sort_keys=True, default=str)
        if key not in cubes:
            try:
                cubes[key] = cube_from(source, variable=variable, channel=channel, options=told)
            except InputError as error:
                cubes[key] = error
        cube = cubes[key]
        if isinstance(cube, InputError):
            raise cube
        return cube

    path, kept = folder.find_model_for(run, read_as)
    told = {**remembered(kept), **options}
    for name in sorted(set(told) - set(options)):
        tell(f"read as  --{name.replace('_', '-')} {told[name]}, as the model's training files were")
    return read_as(kept), path, Options(**told).remembered()


def predict(
    forecaster: Forecaster,
    scaler: Scaler,
    cube: xr.DataArray,
    *,
    title: str,
    context: int,
    horizon: int,
    references: Sequence[int],
    name: str,
) -> xr.DataArray:
    """`nowcast.rollout.forecast` on the GPU where there is one, with a bar; lazy if too large for memory."""
    with bar(title, total=len(references)) as line:
        count = iter(range(1, len(references) + 1))
        result = rollout.forecast(
            forecaster,
            scaler,
            cube,
            context=context,
            horizon=horizon,
            references=references,
            name=name,
            device="cuda" if torch.cuda.is_available() else "cpu",
            done=lambda: line.to(next(count, len(references))),
        )
        return result.compute() if result.nbytes <= MOST_IN_MEMORY else result


def _told(result: xr.DataArray) -> str:
    time = result["forecast_reference_time"].values
    ahead = minutes(float(result["lead_time"].values[-1] / np.timedelta64(1, "s")))
    when = iso(time[0]) if len(time) == 1 else f"{len(time)} reference times, {iso(time[0])} to {iso(time[-1])}"
    return f"from {when}, up to {ahead} ahead"
