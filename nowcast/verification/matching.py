"""Which forecast frame belongs to which observed one; what does not fit is refused before a pixel is read."""

from __future__ import annotations

import bisect
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass

import numpy as np
import xarray as xr

from nowcast.cube import FORECAST_DIMS, STEP_TOLERANCE, check, iso, sequence_of, time_step
from nowcast.errors import InputError
from nowcast.units import spelled

__all__ = [
    "Match",
    "check_forecast",
    "check_grid",
    "finder",
    "match",
    "positions",
    "reference_keys",
]

GRID_TOLERANCE = 1e-3
"""Share of a grid step by which the coordinates of one pixel may differ: float32 in one file, float64 in another."""


@dataclass(frozen=True)
class Match:
    """What all forecasters and the truth have in common.

    `references` `(case,)` and `leads` `(lead,)` are times; `frames` `(case, lead)` are positions along the observed
    time, -1 where there is none; `cases` and `lead_positions` say by forecaster where these lie in its own cube.
    """

    references: np.ndarray
    leads: np.ndarray
    frames: np.ndarray
    cases: dict[str, np.ndarray]
    lead_positions: dict[str, np.ndarray]


def match(forecasts: Mapping[str, xr.DataArray], observed: xr.DataArray) -> Match:
    """Match by valid time to the nearest frame within `STEP_TOLERANCE` of the time step.

    The clocks of radars jitter by seconds; forecasts are valid at whole time steps after their reference time.

    Raises
    ------
    InputError
        No forecast; dims, grid, units, variable or channels that do not fit; no time in common.
    """
    check(observed)
    if not forecasts:
        raise InputError("there is no forecast to score", needed="at least one forecast cube by its forecaster's name")
    for name, forecast in forecasts.items():
        check_forecast(forecast, name)
        check_grid(forecast, observed, name)
        _check_meaning(forecast, observed, name)
    by_sequence = "sequence" in observed.coords and all("sequence" in each.coords for each in forecasts.values())
    frame_at = finder(observed, by_sequence=by_sequence)
    keys = {name: reference_keys(each, by_sequence=by_sequence) for name, each in forecasts.items()}
    lookup = {name: positions(each, f"forecast {name!r}: reference times") for name, each in keys.items()}
    leads = {name: _microseconds(each["lead_time"].values, "m8") for name, each in forecasts.items()}
    first = next(iter(forecasts))
    common = [key for key in keys[first] if all(key in each for each in lookup.values())]
    common_leads = [lead for lead in leads[first] if all(lead in each for each in leads.values())]
    cases = {name: np.array([each[key] for key in common], dtype=int) for name, each in lookup.items()}
    lead_positions = {
        name: np.array([int(np.flatnonzero(each == lead)[0]) for lead in common_leads], dtype=int)
        for name, each in leads.items()
    }
    frames = np.full((len(common), len(common_leads)), -1)
    for name, forecast in forecasts.items():
        valid = _microseconds(_valid_time(forecast), "M8")[np.ix_(cases[name], lead_positions[name])]
        found = np.array(
            [[frame_at(key[0], time) for time in row] for key, row in zip(common, valid.tolist(), strict=True)],
            dtype=int,
        ).reshape(frames.shape)
        if name != first and (found != frames).any():
            raise InputError(
                f"forecasts {first!r} and {name!r} state other valid times for the same reference and lead time",
                needed="valid_time = forecast_reference_time + lead_time in both",
            )
        frames = found
    used = (frames >= 0).any(axis=1)
    if not used.any():
        raise InputError(
            "no forecast frame is valid at an observed time",
            found=f"forecast {first!r} valid {_span(_valid_time(forecasts[first]))}",
            needed=f"times among the observed ones, {_span(observed['time'].values)}",
            next_step="give the observations of the forecast's own period, or forecast from an earlier time: --at TIME",
        )
    return Match(
        references=forecasts[first]["forecast_reference_time"].values[cases[first]][used],
        leads=forecasts[first]["lead_time"].values[lead_positions[first]],
        frames=frames[used],
        cases={name: each[used] for name, each in cases.items()},
        lead_positions=lead_positions,
    )


def check_forecast(forecast: xr.DataArray, name: str) -> None:
    """See that this is a forecast cube that can be scored.

    Raises
    ------
    InputError
        Other dims, times that are no times, an empty axis.
    """
    found = tuple(forecast.dims)
    if found != FORECAST_DIMS:
        ensemble = "realization" in found
        raise InputError(
            f"forecast {name!r}: these are not the dims of a forecast cube that can be scored",
            found=str(found),
            needed=str(FORECAST_DIMS),
            next_step="score forecast.mean('realization') or one member at a time" if ensemble else None,
        )
    if 0 in forecast.shape:
        raise InputError(f"forecast {name!r}: an axis is empty", found=f"shape {forecast.shape}")
    for axis, kind, needed in (("forecast_reference_time", "M", "datetime64"), ("lead_time", "m", "timedelta64")):
        if axis not in forecast.coords or forecast[axis].dtype.kind != kind:
            told = str(forecast[axis].dtype) if axis in forecast.coords else "no such coordinate"
            raise InputError(f"forecast {name!r}: {axis} holds no times", found=told, needed=needed)


def check_grid(forecast: xr.DataArray, observed: xr.DataArray, name: str) -> None:
    """See that both lie on one grid.

    Raises
    ------
    InputError
        Another number of pixels or channels, pixels that lie elsewhere (where both cubes say where), other channels.
    """
    for axis in ("channel", "y", "x"):
        if forecast.sizes[axis] != observed.sizes[axis]:
            raise InputError(
                f"forecast {name!r} lies on another grid than the observed cube",
                found=f"{forecast.sizes[axis]} along {axis}",
                needed=str(observed.sizes[axis]),
            )
    for axis in ("y", "x"):
        if axis not in forecast.coords or axis not in observed.coords:
            continue
        ours, theirs = forecast[axis].values.astype(float), observed[axis].values.astype(float)
        step = float(np.median(np.abs(np.diff(theirs)))) if len(theirs) > 1 else 1.0
        apart = np.abs(ours - theirs)
        if (apart > GRID_TOLERANCE * step).any():
            worst = int(apart.argmax())
            raise InputError(
                f"forecast {name!r} lies on another grid than the observed cube",
                found=f"{axis} = {ours[worst]:g} at position {worst}",
                needed=f"{theirs[worst]:g} (to within {GRID_TOLERANCE * step:g})",
                next_step="bring both to one grid, or turn the axis that runs the other way",
            )
    if "channel" in forecast.coords and "channel" in observed.coords:
        channels, wanted = forecast["channel"].values.tolist(), observed["channel"].values.tolist()
        if channels != wanted:
            raise InputError(f"forecast {name!r} has other channels", found=str(channels), needed=str(wanted))


def _check_meaning(forecast: xr.DataArray, observed: xr.DataArray, name: str) -> None:
    if forecast.name is not None and observed.name is not None and forecast.name != observed.name:
        raise InputError(
            f"forecast {name!r} is of another variable than the observed cube",
            found=repr(forecast.name),
            needed=repr(observed.name),
            next_step="if both mean the same: forecast.rename(observed.name)",
        )
    if spelled(forecast.attrs.get("units")) != spelled(observed.attrs.get("units")):
        raise InputError(
            f"forecast {name!r} has other units than the observed cube",
            found=repr(forecast.attrs.get("units")),
            needed=repr(observed.attrs.get("units")),
            next_step="convert one of them; if both mean the same: forecast.assign_attrs(units=...)",
        )


def reference_keys(forecast: xr.DataArray, *, by_sequence: bool) -> list[tuple[Hashable, int]]:
    """What names a case: its sequence (None where they are not told apart) and its reference time in microseconds."""
    times = _microseconds(forecast["forecast_reference_time"].values, "M8").tolist()
    sequence = forecast["sequence"].values.tolist() if by_sequence else [None] * len(times)
    return list(zip(sequence, times, strict=True))


def _time_keys(observed: xr.DataArray, *, by_sequence: bool) -> list[tuple[Hashable, int]]:
    """What names an observed frame: its sequence (None where they are not told apart) and time in microseconds."""
    times = _microseconds(observed["time"].values, "M8").tolist()
    sequence = sequence_of(observed).tolist() if by_sequence else [None] * len(times)
    return list(zip(sequence, times, strict=True))


def finder(observed: xr.DataArray, *, by_sequence: bool) -> Callable[[Hashable, int], int]:
    """Gives the position of the frame of a sequence (None where they are not told apart) nearest to a time, else -1.

    Raises
    ------
    InputError
        A time that occurs twice.
    """
    keys = _time_keys(observed, by_sequence=by_sequence)
    positions(keys, "observed times")
    tolerance = STEP_TOLERANCE * 1e6 * (time_step(observed) or 0.0)
    by_name: dict[Hashable, list[tuple[int, int]]] = {}
    for position, (name, time) in enumerate(keys):
        by_name.setdefault(name, []).append((time, position))
    for frames in by_name.values():
        frames.sort()

    def frame_at(name: Hashable, time: int) -> int:
        frames = by_name.get(name, [])
        after = bisect.bisect_left(frames, (time, -1))
        near = [(abs(each[0] - time), each[1]) for each in frames[max(after - 1, 0) : after + 1]]
        return min(near)[1] if near and min(near)[0] <= tolerance else -1

    return frame_at


def positions(keys: list[tuple[Hashable, int]], what: str) -> dict[tuple[Hashable, int], int]:
    """Where each key stands.

    Raises
    ------
    InputError
        A key that stands twice.
    """
    where = {key: position for position, key in enumerate(keys)}
    if len(where) != len(keys):
        twice = next(key for position, key in enumerate(keys) if where[key] != position)
        raise InputError(
            f"{what}: {iso(np.datetime64(twice[1], 'us'))} occurs twice, so that cases cannot be told apart",
            needed="each time once, or a coordinate 'sequence' in the forecasts and the observed cube",
        )
    return where


def _valid_time(forecast: xr.DataArray) -> np.ndarray:
    if "valid_time" in forecast.coords:
        stated: np.ndarray = forecast["valid_time"].transpose("forecast_reference_time", "lead_time").values
        return stated
    computed: np.ndarray = forecast["forecast_reference_time"].values[:, None] + forecast["lead_time"].values[None, :]
    return computed


def _microseconds(times: np.ndarray, kind: str) -> np.ndarray:
    return times.astype(f"{kind}[us]").astype(np.int64)


def _span(times: np.ndarray) -> str:
    return f"{iso(times.min())} to {iso(times.max())}"
