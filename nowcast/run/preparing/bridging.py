"""What `--gaps` makes of absent frames before a cube is cut, and how that is told."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import xarray as xr

from nowcast.config import Settings, Windows
from nowcast.cube import gaps
from nowcast.errors import InputError
from nowcast.progress import tell
from nowcast.readers.stored import remember, stored
from nowcast.timeline import absent_frames, with_absent_frames
from nowcast.windows import WindowPlan

__all__ = ["bridged", "tell_bridged"]


def bridged(
    cube: xr.DataArray, settings: Settings, *, context_of: Callable[[xr.DataArray], int]
) -> tuple[xr.DataArray, Settings]:
    """The cube with absent frames in its short gaps, if asked for, and settings in which no limit is left open.

    Parameters
    ----------
    context_of
        Chooses the context for a cube, where none is given and a limit or a bridge depends on it.

    Raises
    ------
    InputError
        `--max-missing` where nothing may be missing.
    """
    wanted = settings.windows
    if wanted.gaps == "skip":
        if wanted.max_missing is not None:
            raise InputError(
                "--max-missing is of no use to --gaps skip: no window reaches across an absent frame",
                found=f"--max-missing {wanted.max_missing}",
                next_step=f"--gaps mask --max-missing {wanted.max_missing}, or --gaps hold",
            )
        return cube, settings
    context = wanted.context or context_of(with_absent_frames(cube, most=wanted.max_missing or 1))
    most = wanted.max_missing or max(1, context // 4)
    windows = wanted.model_copy(update={"context": context, "max_missing": most})
    joined = with_absent_frames(cube, most=most)
    found = stored(cube)
    if found is not None and joined is not cube:
        absent = absent_frames(joined)
        spread = found.with_absent(np.where(absent, -1, np.cumsum(~absent) - 1))
        if spread is not None:
            remember(joined, spread)  # so that its windows are still cut from packed numbers
    return joined, settings.model_copy(update={"windows": windows})


def tell_bridged(
    source: xr.DataArray,
    joined: xr.DataArray,
    marked: xr.DataArray,
    plans: Mapping[str, WindowPlan],
    wanted: Windows,
) -> None:
    """Tell the gaps bridged, the frames absent, and the starting times that this gains.

    Parameters
    ----------
    source, joined, marked
        The cube as it was read, with absent frames in its gaps, and with those marked that hold no value.
    wanted
        Settled: a policy other than skip, and its limit.
    """
    found, left = len(gaps(source)), len(gaps(joined))
    put_in, absent = absent_frames(joined), absent_frames(marked)
    context = next(iter(plans.values())).context
    gained = sum(
        bool(put_in[start : start + each.context + each.horizon].any())
        for each in plans.values()
        for start in each.starts
    )
    across = f"{int(put_in.sum())} frame(s) absent, {gained} more starting times"
    tell(f"gaps     {found - left} of {found} bridged by --gaps {wanted.gaps} ({across})")
    empty = int((absent & ~put_in).sum())
    if empty:
        tell(f"         {empty} training frame(s) hold no value: they count as absent")
    tell(f"         at most {wanted.max_missing} of the {context} frames given may be missing: --max-missing to change")
    if "training" in plans and not any(absent[start : start + context].any() for start in plans["training"].starts):
        tell("beware   no frame is missing in any training context: what to do without one is not learnt")
