"""A model, a cube and reference times make a forecast cube: frame by frame, tile by tile, on the source's own grid."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Sequence
from typing import Any

import dask
import dask.array as da
import numpy as np
import pandas as pd
import xarray as xr

import nowcast
from nowcast import products
from nowcast.cube import DIMS, FORECAST_DIMS, STEP_TOLERANCE, iso, label, runs, sequence_of, time_step
from nowcast.errors import InputError
from nowcast.models import Forecaster
from nowcast.outlook import ends_of, levels_of, told
from nowcast.readers import reading
from nowcast.scaling import Scaler
from nowcast.tensors import load, to_context
from nowcast.tiled import tiled_by_lead
from nowcast.timeline import absent_frames, with_absent_marked

__all__ = [
    "forecast",
    "moment",
    "newest_references",
    "reference_indices",
    "usable_references",
    "with_empty_marked",
]

HALO = 64

OF_THE_VALUE = ("long_name", "standard_name", "cell_methods")
"""Attributes of a field that are not true of the probability that it reaches a threshold."""

_one_at_a_time = threading.Lock()


def forecast(
    forecaster: Forecaster,
    scaler: Scaler,
    cube: xr.DataArray,
    *,
    context: int,
    horizon: int,
    references: Sequence[int],
    name: str,
    most_missing: int = 0,
    held: bool = False,
    tile: int | None = None,
    halo: int = HALO,
    device: str = "cpu",
    done: Callable[[], None] | None = None,
) -> xr.DataArray | xr.Dataset:
    """Forecast from each reference time; lazy, a dask chunk per reference time.

    Parameters
    ----------
    cube
        Dims `(time, channel, y, x)`, physical units, NaN where missing; `absent` along time tells frames that are not
        there (see `nowcast.timeline`).
    references
        Indices along time, from 0, of the newest context frames.
    name
        What made the forecast, for the attribute `nowcast_model`.
    most_missing
        How many context frames may be absent. If any may, coordinates along `forecast_reference_time` tell how many
        were (`missing_inputs`), and how much older than that time the newest was that is there (`input_age`).
    held
        As `nowcast.tensors.to_context`.
    tile, halo
        Fields larger than `tile` pixels, by default the forecaster's own, are forecast in tiles; neighbours overlap by
        twice the halo and are blended.
    done
        Called after each reference time.

    Returns
    -------
    xarray.DataArray or xarray.Dataset
        Dims `(forecast_reference_time, lead_time, channel, y, x)`, float32, the cube's units, coordinates and
        attributes; `valid_time` is reference plus lead. A pixel that no context frame observed is NaN. Of a forecaster
        that tells chances, a Dataset of the mean, a field that is matched to them, and of them (`nowcast.products`).

    Raises
    ------
    InputError
        A reference time without `context` frames in a row before it, or with too many of them absent.
    """
    if not references:
        raise InputError(
            f"{label(cube)}: no time has {context} frames in a row up to it", next_step="nowcast inspect shows the gaps"
        )
    step = time_step(cube)
    if step is None:
        raise InputError(f"{label(cube)}: one frame has no time step", needed=f"{context} frames in a row")
    _require_context(cube, references, context, most_missing)
    if horizon < 1:
        raise InputError("--horizon must be at least 1", found=str(horizon))
    forecaster = forecaster.to(device).eval()

    def one(index: int) -> tuple[np.ndarray, ...]:
        frames = load(cube.isel(time=slice(index - context + 1, index + 1)))
        seen = np.isfinite(frames).any(axis=0)
        if not seen.any() and len(references) == 1:
            raise InputError(
                f"{label(cube)}: no pixel has a value in the {context} frames up to {iso(cube['time'].values[index])}",
                next_step="forecast from another time: --at TIME",
            )
        with _one_at_a_time:  # torch has its own threads; two forecasts at a time would only fight for them
            scaled = to_context(scaler.apply(frames), masked=forecaster.masked, held=held)[None].to(device)
            answer = tiled_by_lead(forecaster, scaled, horizon, tile=tile or forecaster.tile, halo=halo)
            fields, chances = told(forecaster, scaler, answer, seen, horizon=horizon)
        if done is not None:
            done()
        return tuple(each[None] for each in (*fields, *chances))

    made = [dask.delayed(one, nout=3)(index) for index in references]
    time = cube["time"].values[list(references)]
    lead = (np.arange(1, horizon + 1) * round(step * 1e3)).astype("timedelta64[ms]").astype("timedelta64[ns]")
    coords = {key: coord for key, coord in cube.coords.items() if key != "sequence" and "time" not in coord.dims}
    if "sequence" in cube.coords and cube["sequence"].dims == ("time",):
        coords["sequence"] = ("forecast_reference_time", cube["sequence"].values[list(references)])
    if most_missing:
        coords |= _inputs(cube, references, context)
    coords = {
        **coords,
        "forecast_reference_time": ("forecast_reference_time", time),
        "lead_time": ("lead_time", lead),
        "valid_time": (("forecast_reference_time", "lead_time"), time[:, None] + lead[None]),
    }
    attrs = {
        **cube.attrs,
        "nowcast_model": name,
        "nowcast_version": nowcast.__version__,
        "nowcast_context": context,
        **({"nowcast_max_missing": most_missing} if most_missing else {}),
        "nowcast_inputs": f"{cube.encoding.get('source', 'a cube in memory')}; {context} frames up to each reference "
        "time",
    }

    def product(place: int, *levels: int) -> da.Array:
        shape = (1, horizon, *levels, *cube.shape[1:])
        pieces: da.Array = da.concatenate([da.from_delayed(each[place], shape, dtype="float32") for each in made])
        return pieces

    mean = xr.DataArray(product(0), dims=FORECAST_DIMS, coords=coords, name=cube.name, attrs=attrs)
    if not forecaster.thresholds:
        return mean
    chances = xr.DataArray(
        product(2, len(forecaster.thresholds)),
        dims=products.PROBABILITY_DIMS,
        coords={**coords, "threshold": ("threshold", levels_of(forecaster, scaler))},
        attrs={
            **{key: value for key, value in attrs.items() if key not in OF_THE_VALUE},
            "long_name": f"probability that {cube.name} reaches the threshold",
            **ends_of(forecaster, scaler),
        },
    )
    return products.combined(mean, mean.copy(data=product(1)), chances)


def with_empty_marked(cube: xr.DataArray, references: Sequence[int], context: int) -> xr.DataArray:
    """The cube in which frames of the contexts that hold no value count as absent too; reads each of them once."""
    known = absent_frames(cube)
    wanted = {at for index in references for at in range(max(index - context + 1, 0), index + 1)}
    frames = np.array(sorted(at for at in wanted if not known[at]), dtype=int)
    with reading(label(cube)):
        seen = xr.apply_ufunc(np.isfinite, cube.isel(time=frames), dask="allowed").any(DIMS[1:]).values
    return cube if seen.all() else with_absent_marked(cube, frames[~seen])


def usable_references(cube: xr.DataArray, context: int, *, most_missing: int = 0) -> list[int]:
    """Indices of all times with `context` frames in a row up to them, some there and at most so many absent."""
    absent = absent_frames(cube)
    return [
        index
        for run in runs(cube)
        for index in range(run.start + context - 1, run.stop)
        if len(_lacking(absent, index, context)) <= min(most_missing, context - 1)
    ]


def _lacking(absent: np.ndarray, index: int, context: int) -> np.ndarray:
    """Positions along time of the context frames up to an index that are absent."""
    first = max(index - context + 1, 0)
    return first + np.flatnonzero(absent[first : index + 1])


def _inputs(cube: xr.DataArray, references: Sequence[int], context: int) -> dict[Hashable, Any]:
    """What was missing of the inputs of each forecast, and how old the newest was that was there."""
    time, absent = cube["time"].values, absent_frames(cube)
    newest = [np.flatnonzero(~absent[: index + 1])[-1] for index in references]
    missing = np.array([len(_lacking(absent, index, context)) for index in references], dtype="int32")
    of = f"of the {context} input frames"
    return {
        "missing_inputs": (FORECAST_DIMS[0], missing, {"long_name": f"how many {of} were missing", "units": "1"}),
        "input_age": (
            FORECAST_DIMS[0],
            (time[list(references)] - time[newest]).astype("timedelta64[ns]"),
            {"long_name": f"time from the newest {of} that was there to forecast_reference_time"},
        ),
    }


def moment(cube: xr.DataArray, at: str | np.datetime64) -> np.datetime64:
    """A reference time as it was told, in UTC: ISO 8601, UTC if it says nothing else.

    Raises
    ------
    InputError
        Not a time.
    """
    try:
        stamp = pd.Timestamp(at)
        return np.datetime64((stamp.tz_convert(None) if stamp.tzinfo is not None else stamp).to_datetime64())
    except (ValueError, TypeError) as error:
        example = iso(cube["time"].values[-1])
        raise InputError(f"--at {at!r} is not a time", needed=f"ISO 8601, such as {example}") from error


def reference_indices(cube: xr.DataArray, at: str | np.datetime64, *, most_missing: int = 0) -> list[int]:
    """Where along time a reference time lies, in each sequence that has it; an absent frame is found by about its time.

    Parameters
    ----------
    most_missing
        What a message says may be missing.

    Raises
    ------
    InputError
        Not a time, or not one of the cube's.
    """
    times, absent, wanted = cube["time"].values, absent_frames(cube), moment(cube, at)
    found = np.flatnonzero(times == wanted)
    if not len(found):
        off = np.abs(times - wanted.astype(times.dtype)) / np.timedelta64(1, "s")
        found = np.flatnonzero(absent & (off <= STEP_TOLERANCE * (time_step(cube) or 0.0)))
    if not len(found):
        there, step = times[~absent], time_step(cube) or 0.0
        behind = float((wanted - there[-1]) / np.timedelta64(1, "s"))
        late = f"; {round(behind / step)} frame(s) up to it missing" if most_missing and behind > step > 0 else ""
        nearest = there[np.abs(there - wanted.astype(times.dtype)).argmin()]
        raise InputError(
            f"{label(cube)}: no frame at {iso(wanted)}",
            found=f"times from {iso(there[0])} to {iso(there[-1])}{late}",
            needed=f"a frame, or the place of one: at most {most_missing} late or in a gap" if most_missing else None,
            next_step=f"--at {iso(nearest)}",
        )
    return [int(index) for index in found]


def newest_references(cube: xr.DataArray) -> list[int]:
    """The last frame of each sequence."""
    sequence = sequence_of(cube)
    return [*(int(i) for i in np.flatnonzero(sequence[1:] != sequence[:-1])), cube.sizes["time"] - 1]


def _require_context(cube: xr.DataArray, references: Sequence[int], context: int, most: int) -> None:
    time, absent = cube["time"].values, absent_frames(cube)
    pieces = runs(cube)
    starts = np.array([run.start for run in pieces])
    for index in references:
        run = pieces[int(np.searchsorted(starts, index, side="right")) - 1]
        held = index - run.start + 1
        lacking = _lacking(absent, index, context)
        if held >= context and len(lacking) <= min(most, context - 1):
            continue
        usable = usable_references(cube, context, most_missing=most)
        nearest = min(usable, key=lambda other: abs(other - index), default=None)
        found = f"{held} frame(s) in a row up to it" + ("" if run.start == 0 else "; a gap lies before them")
        if held >= context:
            found = f"{len(lacking)} of the {context} frames up to it missing: {', '.join(map(iso, time[lacking]))}"
        raise InputError(
            f"{label(cube)}: no forecast can start at {iso(time[index])}",
            found=found,
            needed=f"{context}" + (f", {_allowed(most)}" if most or held >= context else ""),
            next_step="give more frames" if nearest is None else f"--at {iso(time[nearest])}",
        )


def _allowed(most: int) -> str:
    return f"of which at most {most} may be missing, as the model was trained" if most else "none of them missing"
