"""Time in parts: how many frames are given and asked for, and which are trained on, validated on and tested on."""

from __future__ import annotations

import numpy as np
import xarray as xr

from nowcast.config import Settings
from nowcast.cube import Run, is_categorical, iso, label, runs, sequence_of
from nowcast.errors import InputError
from nowcast.progress import tell
from nowcast.windows import BY_PUBLISHER, BY_TIME, PARTS, Sequences, Split, WindowPlan, split, suggest

__all__ = ["cut", "tell_parts", "why_these"]

SHORT = {"training": "train", "validation": "validate", "test": "test"}


def cut(cube: xr.DataArray, settings: Settings) -> tuple[int, int, Split]:
    """Context, horizon and the parts of time, chosen where the settings leave them open.

    Raises
    ------
    InputError
        Too few frames, by the cube's name.
    """
    _require_quantity(cube)
    wanted = settings.windows
    pieces = runs(cube)
    try:
        sequences = Sequences.of(cube)
        published = _published(cube, settings, pieces, sequences)
        if published is not None:
            return published
        context, horizon = suggest(
            pieces,
            context=wanted.context,
            horizon=wanted.horizon,
            fractions=wanted.fractions,
            embargo=wanted.embargo,
            sequences=sequences,
        )
        parts = split(
            pieces,
            window=context + horizon,
            fractions=wanted.fractions,
            embargo=wanted.embargo,
            sequences=sequences,
        )
    except InputError as error:
        raise InputError(
            f"{label(cube)}: {error.what}", found=error.found, needed=error.needed, next_step=error.next_step
        ) from error
    return context, horizon, parts


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


def _published(
    cube: xr.DataArray, settings: Settings, pieces: list[Run], sequences: Sequences | None
) -> tuple[int, int, Split] | None:
    """The context and horizon that others score this dataset with, where the user leaves one open and they fit."""
    wanted = settings.windows
    context = wanted.context or cube.attrs.get("suggested_context")
    horizon = wanted.horizon or cube.attrs.get("suggested_horizon")
    if not context or not horizon:
        return None
    try:
        parts = split(
            pieces,
            window=context + horizon,
            fractions=wanted.fractions,
            embargo=wanted.embargo,
            sequences=sequences,
        )
    except InputError:
        return None
    return int(context), int(horizon), parts


def why_these(cube: xr.DataArray, settings: Settings, context: int, horizon: int) -> str:
    """Where context and horizon come from."""
    if settings.windows.context and settings.windows.horizon:
        return "as asked"
    if (context, horizon) == (cube.attrs.get("suggested_context"), cube.attrs.get("suggested_horizon")):
        return "as this dataset is commonly scored"
    return "the longest that leaves enough to learn from"


def tell_parts(cube: xr.DataArray, parts: Split, plans: dict[str, WindowPlan]) -> None:
    time, sequence = cube["time"].values, sequence_of(cube)
    counted = "counted_from" in cube["time"].attrs
    _tell_basis(cube, parts)
    for name in PARTS:
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
    tested = len(plans["test"].starts)
    if tested < 10:
        tell(f"beware   {tested} starting time(s) to test on say little: give more frames to know more")
    if parts.basis == BY_TIME and not counted and len(np.unique(time)) < len(time):
        tell("beware   sequences share times: training and test may hold the same hours at other places")


def _tell_basis(cube: xr.DataArray, parts: Split) -> None:
    if "part" not in cube.coords:
        if parts.basis != BY_TIME:
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
