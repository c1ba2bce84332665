"""A run and the newest frames make a forecast."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import xarray as xr

from nowcast import model_file, products, rollout
from nowcast.cube import is_counted, iso, time_step
from nowcast.errors import InputError
from nowcast.machine import device
from nowcast.models import Forecaster
from nowcast.progress import bar, quiet, tell
from nowcast.readers.labelling.fields import SeveralFieldsError
from nowcast.readers.options import Options, given
from nowcast.report import losses
from nowcast.report.wording import beginning, lead_texts
from nowcast.run.baselines.untrained import MOST_IN_MEMORY, untrained
from nowcast.run.finding import as_trained, find_model, find_model_for
from nowcast.run.source import READ_AS, Source, cube_from, remembered
from nowcast.scaling import Scaler
from nowcast.sizes import duration
from nowcast.timeline import absent_frames, with_absent_frames

__all__ = ["computed", "forecast", "predict"]

Forecast = TypeVar("Forecast", xr.DataArray, xr.Dataset, xr.DataArray | xr.Dataset)


def forecast(
    source: Source,
    *,
    run: str | os.PathLike[str] | None = None,
    model: str | None = None,
    at: str | np.datetime64 | Sequence[str | np.datetime64] | None = None,
    every: bool = False,
    horizon: int | None = None,
    variable: str | None = None,
    channel: str | int | None = None,
    options: Mapping[str, Any] | None = None,
    progress: bool = True,
) -> xr.DataArray | xr.Dataset:
    """Forecast from the newest frames, from the times `at`, or from every time that has enough frames before it.

    Parameters
    ----------
    source
        A cube, or paths.
    run
        A run's folder or a model file; None: the newest run under `runs/` that fits the cube.
    model
        What forecasts without training, in place of a run: `"advection"`, `"persistence"`, and of pysteps `"pysteps"`
        and `"steps"`.
    at
        Reference time(s): times of the newest frame given, ISO 8601 in UTC. A model that was trained with `gaps` can do
        without that frame: it may be late, or lie in a short gap.
    horizon
        Frames to forecast; None: as many as the model was trained for, 12 without training.
    options
        What else `nowcast.open_cube` is told of the files, by its keywords: `{"axes": "TYX", "time_step": "30s"}`;
        what is not told is as the model's training files were read.

    Returns
    -------
    xarray.DataArray or xarray.Dataset
        Dims `(forecast_reference_time, lead_time, channel, y, x)`, on the cube's grid, in the units that the model was
        trained in: the cube's own, or those that its rain is converted to, which is told. Of a model that was trained
        with `gaps`, `missing_inputs` and `input_age` tell what each forecast had to do without. Of a model that tells
        chances, as those do that are trained without asking for another, and of the ensemble `"steps"`, a Dataset of
        the mean, a field matched to the chances, and the chances (see `nowcast.products`).

    Raises
    ------
    InputError
        No model that fits, not enough frames in a row up to a reference time, or more missing than it was trained for.
    """
    times = [] if at is None else [at] if isinstance(at, (str, np.datetime64)) else list(at)
    with quiet(not progress):
        if model is not None:
            if run is not None:
                raise InputError("--model and --run name two models", next_step="leave out one of them")
            cube = cube_from(source, variable=variable, channel=channel, options=options)
            kept = {} if isinstance(source, xr.DataArray) else Options(**given(options)).remembered()
            attrs = {READ_AS: json.dumps(kept)} if kept else {}
            made: Any = untrained(cube, model=model, at=times, every=every, horizon=horizon, attrs=attrs)
            tell(f"forecast {_told(products.mean(made))}")
            return made  # type: ignore[no-any-return]
        cube, path, read_as = _opened(source, run, variable=variable, channel=channel, options=given(options))
        forecaster, card = model_file.load(path)
        cube = as_trained(card, cube)
        model_file.require(card, cube, path=path)
        tell(f"model    {path} ({card.model}, {card.context} frames in, {card.horizon} out)")
        if not card.verdict:
            tell("beware   nothing is known of this model's skill: it was never scored on a test part")
        for line in losses(card.verdict, step=card.time_step_seconds):
            tell(f"beware   {line}")
        most = card.gaps["most"]
        cube = _joined(cube, card, [rollout.moment(cube, time) for time in times])
        if every:
            references = rollout.usable_references(cube, card.context, most_missing=most)
        elif at is None:
            references = rollout.newest_references(cube)
        else:
            found = [rollout.reference_indices(cube, time, most_missing=most) for time in times]
            references = sorted({index for indices in found for index in indices})
        if most:
            cube = rollout.with_empty_marked(cube, references, card.context)
        if every:
            references = rollout.usable_references(cube, card.context, most_missing=most)
        result = predict(
            forecaster,
            Scaler.from_dict(card.scaler),
            cube,
            title="forecast",
            context=card.context,
            horizon=card.horizon if horizon is None else horizon,
            references=references,
            name=card.model,
            gaps=card.gaps,
        )
        if read_as:
            products.mean(result).attrs[READ_AS] = json.dumps(read_as)
        mean = products.mean(result)
        tell(f"forecast {_told(mean)}")
        _tell_missing(mean)
        newest = int(np.flatnonzero(~absent_frames(cube))[-1])
        if not every and mean["valid_time"].values.max() > cube["time"].values[newest]:
            usable = rollout.usable_references(cube, card.context, most_missing=most)
            known = [i for i in usable if i + mean.sizes["lead_time"] <= newest]
            when = f"; one that can be scored now: --at {iso(cube['time'].values[known[-1]])}" if known else ""
            tell(f"truth    not known yet for every lead time{when}")
        return result


def _joined(cube: xr.DataArray, card: model_file.Card, times: Sequence[np.datetime64]) -> xr.DataArray:
    """The cube with absent frames as the model was trained to meet them: in short gaps, and late ones up to a time."""
    own = cube["time"].values
    late = [time for time in times if not (own == time).any()]
    return with_absent_frames(
        cube,
        most=card.gaps["most"],
        until=max(late, default=None),
        step=time_step(cube) or card.time_step_seconds,
    )


def _tell_missing(result: xr.DataArray) -> None:
    """How many inputs a forecast had to do without."""
    if "missing_inputs" not in result.coords or not result["missing_inputs"].any():
        return
    of = result.attrs["nowcast_context"]
    missing, age = result["missing_inputs"].values, result["input_age"].values / np.timedelta64(1, "s")
    if len(missing) == 1:
        tell(f"missing  {missing[0]} of the {of} frames given; the newest is {duration(float(age[0]))} old")
    else:
        worst = f"{missing.max()} of {of}; the newest is up to {duration(float(age.max()))} old"
        tell(f"missing  frames given to {int((missing > 0).sum())} of the {len(missing)} forecasts, at most {worst}")


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
        return cube, find_model(run, cube), {}
    cubes: dict[str, xr.DataArray | InputError] = {}

    def read(name: str | None, told: Mapping[str, Any]) -> xr.DataArray | InputError:
        key = json.dumps([name, told], sort_keys=True, default=str)
        if key not in cubes:
            try:
                cubes[key] = cube_from(source, variable=name, channel=channel, options=told)
            except InputError as error:
                cubes[key] = error
        return cubes[key]

    def read_for(card: model_file.Card) -> xr.DataArray:
        told = {**remembered(card.read_as), **options}
        found = read(variable, told)
        if isinstance(found, SeveralFieldsError) and variable is None:
            again = read(card.variable, told)  # the one that the model was trained on, if it is among them
            found = found if isinstance(again, InputError) else again
        if isinstance(found, InputError):
            raise found
        return found

    path, card = find_model_for(run, read_for)
    told = {**remembered(card.read_as), **options}
    for name in sorted(set(told) - set(options)):
        tell(f"read as  --{name.replace('_', '-')} {told[name]}, as the model's training files were")
    return read_for(card), path, Options(**told).remembered()


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
    gaps: Mapping[str, Any],
) -> xr.DataArray | xr.Dataset:
    """`nowcast.rollout.forecast` on the GPU where there is one, with a bar; lazy if too large for memory.

    Parameters
    ----------
    gaps
        As `nowcast.model_file.Card.gaps`.
    """
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
            most_missing=gaps["most"],
            held=gaps["policy"] == "hold",
            device=device(),
            done=lambda: line.to(next(count, len(references))),
        )
        return computed(result)


def computed(forecast: Forecast) -> Forecast:
    """The forecast in memory, unless it is too large for that."""
    return forecast.compute() if forecast.nbytes <= MOST_IN_MEMORY else forecast


def _told(result: xr.DataArray) -> str:
    references = result["forecast_reference_time"]
    counted = is_counted(references)
    start, end = (beginning(each, references) if counted else iso(each.values) for each in references[[0, -1]])
    when = start if references.size == 1 else f"{references.size} reference times, {start} to {end}"
    return f"from {when}, up to {lead_texts(result['lead_time'])[-1]} ahead"
