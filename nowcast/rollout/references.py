"""Reference times: where along time a forecast can start, and what is missing of the frames that it is given."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from nowcast.cube import DIMS, FORECAST_DIMS, STEP_TOLERANCE, iso, label, runs, sequence_of, time_step
from nowcast.errors import InputError
from nowcast.readers import reading
from nowcast.timeline import absent_frames, with_absent_marked

__all__ = [
    "inputs_of",
    "moment",
    "newest_references",
    "reference_indices",
    "require_context",
    "usable_references",
    "with_empty_marked",
]


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


def usable_references(cube: xr.DataArray, context: int, *, most_missing: int = 0) -> list[int]:
    """Indices of all times with `context` frames in a row up to them, some there and at most so many absent."""
    absent = absent_frames(cube)
    return [
        index
        for run in runs(cube)
        for index in range(run.start + context - 1, run.stop)
        if len(_lacking(absent, index, context)) <= min(most_missing, context - 1)
    ]


def require_context(cube: xr.DataArray, references: Sequence[int], context: int, most: int) -> None:
    """Refuse reference times without `context` frames in a row up to them, or with more than `most` of those absent.

    Raises
    ------
    InputError
        What is lacking, and the nearest time that would do.
    """
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


def inputs_of(cube: xr.DataArray, references: Sequence[int], context: int) -> dict[Hashable, Any]:
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


def with_empty_marked(cube: xr.DataArray, references: Sequence[int], context: int) -> xr.DataArray:
    """The cube in which frames of the contexts that hold no value count as absent too; reads each of them once."""
    known = absent_frames(cube)
    wanted = {at for index in references for at in range(max(index - context + 1, 0), index + 1)}
    frames = np.array(sorted(at for at in wanted if not known[at]), dtype=int)
    with reading(label(cube)):
        seen = xr.apply_ufunc(np.isfinite, cube.isel(time=frames), dask="allowed").any(DIMS[1:]).values
    return cube if seen.all() else with_absent_marked(cube, frames[~seen])


def _lacking(absent: np.ndarray, index: int, context: int) -> np.ndarray:
    """Positions along time of the context frames up to an index that are absent."""
    first = max(index - context + 1, 0)
    return first + np.flatnonzero(absent[first : index + 1])


def _allowed(most: int) -> str:
    return f"of which at most {most} may be missing, as the model was trained" if most else "none of them missing"
