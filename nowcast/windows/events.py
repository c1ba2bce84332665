"""Whole events as parts: what is too short to be cut in three is trained on, or validated on, or tested on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr

from nowcast.cube import PARTS, Run, is_counted, label, runs, sequence_of, time_step
from nowcast.errors import InputError
from nowcast.windows.parts import BY_EVENT, FRACTIONS, Split, Stretches
from nowcast.windows.time_blocks import two_blocks

__all__ = ["Event", "by_events", "events", "share_hours"]

Event = tuple[tuple[int, Run], ...]
"""Runs that belong together, each with the number of its cube."""


def events(cubes: Sequence[xr.DataArray], *, apart: int) -> list[Event]:
    """The runs of all cubes, in groups of which no two come nearer to each other than `apart` frames.

    Cubes of the same hours are one event. Where times only count frames, each sequence is one.

    Returns
    -------
    list
        In the order of the cubes, and of the frames in them; an event of several cubes stands where its first one does.
    """
    found: list[list[tuple[int, Run]]] = []
    dated: list[tuple[np.datetime64, np.datetime64, int, Run]] = []
    for number, cube in enumerate(cubes):
        time, names = cube["time"].values, sequence_of(cube)
        if is_counted(cube["time"]):
            own: dict[object, list[tuple[int, Run]]] = {}
            for run in runs(cube):
                own.setdefault(names[run.start], []).append((number, run))
            found += own.values()
            continue
        reach = np.timedelta64(round((time_step(cube) or 0.0) * apart * 1e9), "ns")
        dated += [(time[run.start], time[run.stop - 1] + reach, number, run) for run in runs(cube)]
    end: np.datetime64 | None = None
    for first, reached, number, run in sorted(dated, key=lambda each: (each[0], each[2])):
        if end is None or first > end:
            found.append([])
            end = reached
        found[-1].append((number, run))
        end = max(end, reached)
    ordered = [tuple(sorted(event, key=_place)) for event in found]
    return sorted(ordered, key=lambda event: _place(event[0]))


def by_events(
    cubes: Sequence[xr.DataArray],
    *,
    window: int,
    fractions: tuple[float, float, float] = FRACTIONS,
    embargo: int | None = None,
) -> list[Split]:
    """The last event is the test part, the one before it validation, and all before that training.

    Of two, the first is for training; the second is cut into validation and test, and if it is too short for that, it
    is validation, and the test part is empty.

    Parameters
    ----------
    window, fractions, embargo
        As `nowcast.windows.split`; a part of 0 gets no event.

    Returns
    -------
    list
        A split for each cube, of which some parts are empty.

    Raises
    ------
    InputError
        Fewer than two events that hold a window, or a cube that holds none.
    """
    embargo = window if embargo is None else embargo
    kept = [tuple(each for each in event if len(each[1]) >= window) for event in events(cubes, apart=embargo)]
    kept = sorted((event for event in kept if event), key=lambda event: _place(event[0]))
    for number, cube in enumerate(cubes):
        if not any(number == each[0] for event in kept for each in event):
            raise InputError(f"{label(cube)}: no window of {window} frames fits in time")
    names = [name for name, share in zip(PARTS, fractions, strict=True) if share > 0]
    if len(kept) < 2 or len(names) < 2:
        raise InputError(
            f"too few events of {window} frames, {embargo} apart, for parts of their own",
            found=f"{len(kept)} event(s)",
            needed="two at least",
        )
    between = 0
    parts: dict[str, Event] = {"training": kept[0]}
    if len(kept) >= len(names):
        first = len(kept) - len(names) + 1
        parts = dict(zip(names[1:], kept[first:], strict=True))
        parts["training"] = tuple(each for event in kept[:first] for each in event)
    else:
        parts["validation"] = kept[1]
        halves = _halves(kept[1], window, (fractions[1], fractions[2]), embargo)
        if halves is not None:
            parts["validation"], parts["test"], between = *halves, embargo
    return [
        Split(
            _of(parts, "training", number),
            _of(parts, "validation", number),
            _of(parts, "test", number),
            between if any(number == each[0] for each in parts.get("test", ())) else 0,
            BY_EVENT,
        )
        for number in range(len(cubes))
    ]


def share_hours(cubes: Sequence[xr.DataArray], splits: Sequence[Split]) -> bool:
    """Whether one cube is trained on in hours in which another is validated or tested on.

    So it may be where each is cut on its own; cubes whose times only count frames have no hours.
    """
    dated = [
        (cube["time"].values, split) for cube, split in zip(cubes, splits, strict=True) if not is_counted(cube["time"])
    ]
    learnt = [_ends(time, split.training) for time, split in dated]
    held = [_ends(time, (*split.validation, *split.test)) for time, split in dated]
    return any(
        _meet(mine, theirs) for one, mine in enumerate(learnt) for other, theirs in enumerate(held) if one != other
    )


def _ends(time: np.ndarray, runs: Stretches) -> tuple[np.ndarray, np.ndarray]:
    """First and last times of runs."""
    return time[[run.start for run in runs]], time[[run.stop - 1 for run in runs]]


def _meet(ours: tuple[np.ndarray, np.ndarray], theirs: tuple[np.ndarray, np.ndarray]) -> bool:
    """Whether any of our spans has a moment in common with any of theirs: more have begun by its end than were over."""
    begun = np.searchsorted(np.sort(theirs[0]), ours[1], side="right")
    over = np.searchsorted(np.sort(theirs[1]), ours[0], side="left")
    return bool((begun > over).any())


def _place(each: tuple[int, Run]) -> tuple[int, int]:
    return each[0], each[1].start


def _halves(event: Event, window: int, shares: tuple[float, float], embargo: int) -> tuple[Event, Event] | None:
    """An event of one cube cut in two, if that can be."""
    number = event[0][0]
    if any(each[0] != number for each in event):
        return None
    try:
        halves = two_blocks([run for _, run in event], window, shares, embargo)
    except InputError:
        return None
    one, other = (tuple((number, run) for run in half) for half in halves)
    return one, other


def _of(parts: dict[str, Event], name: str, number: int) -> Stretches:
    return tuple(run for cube, run in parts.get(name, ()) if cube == number)
