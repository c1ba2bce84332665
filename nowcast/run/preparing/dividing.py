"""Time in parts: how many frames are given and asked for, and which are trained on, validated on and tested on."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import xarray as xr

from nowcast.config import Settings
from nowcast.cube import Run, is_categorical, is_counted, iso, label, runs, sequence_of, time_step
from nowcast.errors import InputError
from nowcast.progress import tell
from nowcast.sampling import choose as chosen_events
from nowcast.sizes import duration
from nowcast.windows import (
    BY_EVENT,
    BY_PUBLISHER,
    BY_TIME,
    ENOUGH_STARTS,
    LEAST_CONTEXT,
    PARTS,
    Sequences,
    Split,
    WindowPlan,
    by_events,
    choose,
    split,
)

__all__ = ["cut", "cut_all", "tell_events", "tell_parts", "tell_windows"]

SHORT = {"training": "train", "validation": "validate", "test": "test"}

RADAR_CONTEXT = 4
"""Frames of rain that are given, at most, unless more are asked for: they tell the motion, and each one more costs
starting times."""

WITHOUT = (
    ((0.8, 0.2, 0.0), "does without a test part"),
    ((1.0, 0.0, 0.0), "trains on all of it, without validation and test"),
)
"""Fractions that need fewer frames than three parts do, and what that means."""

Way = Callable[[int], list[Split]]


def cut(cube: xr.DataArray, settings: Settings) -> tuple[int, int, Split]:
    """As `cut_all`, for one cube."""
    context, horizon, splits = cut_all([cube], settings)
    return context, horizon, splits[0]


def cut_all(cubes: Sequence[xr.DataArray], settings: Settings) -> tuple[int, int, list[Split]]:
    """Context, horizon and the parts of each cube's time, chosen where the settings leave them open.

    Each cube is cut on its own. Where none of them can be, and what they hold are several events, whole events are
    parts (`nowcast.windows.by_events`).

    Raises
    ------
    InputError
        Too few frames, by the cube's name; the next step names the fractions that would do.
    """
    for cube in cubes:
        _require_quantity(cube)
    wanted = settings.windows
    in_time, eventwise = _ways(cubes, settings, wanted.fractions)
    published = _published(cubes[0], settings, in_time)
    if published is not None:
        return published
    asked = {"context": wanted.context, "horizon": wanted.horizon, "longest": _longest(cubes[0])}
    try:
        return choose([in_time, eventwise], **asked)
    except InputError as error:
        raise InputError(
            error.what,
            found=error.found,
            needed=error.needed,
            next_step="; or ".join(text for text in (error.next_step, _instead(cubes, settings)) if text),
        ) from error


def _longest(cube: xr.DataArray) -> int | None:
    return RADAR_CONTEXT if chosen_events(cube) == "rain" else None


def _ways(cubes: Sequence[xr.DataArray], settings: Settings, fractions: tuple[float, float, float]) -> tuple[Way, Way]:
    """From the frames of a window to splits: of each cube on its own, and by events."""
    embargo = settings.windows.embargo
    known = [(cube, runs(cube), Sequences.of(cube)) for cube in cubes]

    def alone(cube: xr.DataArray, pieces: list[Run], sequences: Sequences | None, window: int) -> Split:
        try:
            return split(pieces, window=window, fractions=fractions, embargo=embargo, sequences=sequences)
        except InputError as error:
            what = f"{label(cube)}: {error.what}"
            raise InputError(what, found=error.found, needed=error.needed, next_step=error.next_step) from error

    def in_time(window: int) -> list[Split]:
        return [alone(*each, window) for each in known]

    def eventwise(window: int) -> list[Split]:
        for each in known:
            if each[2] is not None and each[2].parts is not None:
                raise InputError(f"{label(each[0])}: was published in parts")
            try:
                alone(*each, window)
            except InputError:
                continue
            raise InputError(f"{label(each[0])}: can be cut on its own")
        return by_events(cubes, window=window, fractions=fractions, embargo=embargo)

    return in_time, eventwise


def _instead(cubes: Sequence[xr.DataArray], settings: Settings) -> str:
    """The fractions with which it would work, with a context that tells motion; empty if there are none."""
    wanted = settings.windows
    parts = sum(share > 0 for share in wanted.fractions)
    for fractions, meaning in WITHOUT:
        if sum(share > 0 for share in fractions) >= parts:
            continue
        try:
            context, _, _ = choose(
                _ways(cubes, settings, fractions),
                context=wanted.context,
                horizon=wanted.horizon,
                longest=_longest(cubes[0]),
            )
        except InputError:
            continue
        if wanted.context or context >= LEAST_CONTEXT:
            return f"--fractions {','.join(f'{share:g}' for share in fractions)} {meaning}"
    return ""


def _require_quantity(cube: xr.DataArray) -> None:
    """Refuse classes, whose codes have no mean and no error."""
    if not is_categorical(cube):
        return
    codes = sorted(np.unique(cube.isel(time=-1).values[np.isfinite(cube.isel(time=-1).values)]).astype(int).tolist())
    meanings = str(cube.attrs.get("flag_meanings", "")).split()
    known = len(meanings) == np.size(cube.attrs.get("flag_values", ()))
    names = dict(zip(np.ravel(cube.attrs["flag_values"]).tolist(), meanings, strict=True)) if known and meanings else {}
    raise InputError(
        f"{label(cube)}: holds classes, which a model of quantities cannot learn",
        found="codes " + ", ".join(f"{code} {names.get(code, '')}".strip() for code in codes[:20]),
        needed="a quantity, or the question where the field is of some of the classes",
        next_step=f"--classes {','.join(map(str, codes[-2:]))} forecasts where it is one of them",
    )


def _published(cube: xr.DataArray, settings: Settings, in_time: Way) -> tuple[int, int, list[Split]] | None:
    """The context and horizon that others score this dataset with, where the user leaves one open and they fit."""
    wanted = settings.windows
    context = wanted.context or cube.attrs.get("suggested_context")
    horizon = wanted.horizon or cube.attrs.get("suggested_horizon")
    if not context or not horizon:
        return None
    try:
        return int(context), int(horizon), in_time(int(context) + int(horizon))
    except InputError:
        return None


def tell_windows(cube: xr.DataArray, settings: Settings, context: int, horizon: int, *, starts: int) -> None:
    """Context and horizon, and where they come from.

    Parameters
    ----------
    starts
        Training starting times.
    """
    asked = settings.windows
    why = "the longest that leaves enough to learn from"
    if asked.context and asked.horizon:
        why = "as asked"
    elif (context, horizon) == (cube.attrs.get("suggested_context"), cube.attrs.get("suggested_horizon")):
        why = "as this dataset is commonly scored"
    elif starts < ENOUGH_STARTS:
        why = "few frames are at hand"
    ahead = duration(horizon * (time_step(cube) or 0.0))
    tell(f"windows  {context} frames in, {horizon} out ({ahead} ahead): {why}")
    if not asked.context and context < LEAST_CONTEXT:
        tell(f"beware   from {context} frame(s) in hardly any motion can be told: give more frames")
        instead = _instead([cube], settings)
        if instead:
            tell(f"         or {instead}")


def tell_events(splits: Sequence[Split]) -> None:
    """That whole events are parts, where they are."""
    if splits[0].basis != BY_EVENT:
        return
    halved = any(each.embargo for each in splits)
    last = ", but for the last, which is cut into validation and test" if halved else ""
    tell(f"split    by events: too short to be cut in three, each is one part as a whole{last}")
    if not any(each.test for each in splits):
        tell("beware   no event is left to test on: the last of three would be the test part")


def tell_parts(cube: xr.DataArray, parts: Split, plans: dict[str, WindowPlan]) -> None:
    time, sequence = cube["time"].values, sequence_of(cube)
    counted = is_counted(cube["time"])
    _tell_basis(cube, parts)
    for name in PARTS:
        if not parts.part(name):
            continue
        stretch = time[parts.frames(name)]
        patches = len(plans[name].corners)
        held = len({sequence[run.start] for run in parts.part(name)})
        span = f"{held} sequence(s)" if counted else f"{iso(stretch.min())} to {iso(stretch.max())}"
        tell(
            f"{SHORT[name]:<9}{span}: {len(plans[name].starts)} starting times"
            + (f" x {patches} patches of {plans[name].patch[0]} x {plans[name].patch[1]}" if patches > 1 else "")
        )
    if parts.embargo:
        tell(f"embargo  {parts.embargo} frames between the parts, in none of them")
    tested = len(plans["test"].starts) if "test" in plans else None
    if tested is not None and tested < 10:
        tell(f"beware   {tested} starting time(s) to test on say little: give more frames to know more")
    if parts.basis == BY_TIME and not counted and len(np.unique(time)) < len(time):
        tell("beware   sequences share times: training and test may hold the same hours at other places")


def _tell_basis(cube: xr.DataArray, parts: Split) -> None:
    if "part" not in cube.coords:
        if parts.basis not in (BY_TIME, BY_EVENT):
            tell(f"split    by {parts.basis}: none is in two parts")
        return
    held = set(np.unique(cube["part"].values.astype(str)).tolist())
    if parts.basis != BY_PUBLISHER:
        lacking = " or ".join(name for name in ("training", "test") if name not in held) or "training or test"
        tell(f"beware   the published parts cannot be kept, nothing long enough for {lacking} is at hand;")
        tell(f"         what there is is split by {parts.basis}: scores are not those of the published test")
    elif "validation" in held:
        tell(f"split    by {parts.basis}")
    else:
        tell(f"split    by {parts.basis}; validation is the last share of what was published for training")
