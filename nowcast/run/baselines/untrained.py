"""Forecasts that need no training: a user's first one, made as the baselines of the scores are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
import xarray as xr

from nowcast import products, rollout
from nowcast.cube import label, time_step
from nowcast.errors import InputError
from nowcast.models import MODELS, Persistence
from nowcast.progress import tell
from nowcast.readers import reading
from nowcast.run.baselines.advection import NEWEST
from nowcast.run.baselines.naming import BASELINES, baseline, checked
from nowcast.scaling import Scaler
from nowcast.sizes import duration

__all__ = ["MOST_IN_MEMORY", "pattern", "untrained"]

HORIZON = 12
"""Frames that are forecast where nobody says how many: an hour of radar every five minutes."""

NONE: Mapping[str, str] = MappingProxyType({})

MOST_IN_MEMORY = 1_000_000_000
"""Bytes up to which a forecast is computed at once; beyond it, it stays lazy and is computed while it is written."""


def untrained(
    cube: xr.DataArray,
    *,
    model: str,
    at: Sequence[str | np.datetime64] = (),
    every: bool = False,
    horizon: int | None = None,
    attrs: Mapping[str, str] = NONE,
) -> xr.DataArray | xr.Dataset:
    """Forecast from the newest frames, from the times `at`, or from every time that has enough frames before it.

    Parameters
    ----------
    cube
        Dims `(time, channel, y, x)`.
    model
        One of `nowcast.run.baselines.BASELINES`.
    horizon
        Frames to forecast; None: 12.
    attrs
        What else the forecast is to say of itself.

    Returns
    -------
    xarray.DataArray or xarray.Dataset
        As `nowcast.forecast`; NaN where nothing is brought from beyond the field.

    Raises
    ------
    InputError
        A model that must be trained, or none; not enough frames in a row up to a reference time.
    MachineError
        The package that it needs is not installed.
    """
    if model in set(MODELS) - set(BASELINES):
        raise InputError(
            f"--model {model} must be trained before it forecasts",
            needed="one that needs no training: " + ", ".join(BASELINES),
            next_step=f"nowcast fit PATH --model {model}, then nowcast forecast PATH without --model",
        )
    checked([model], flag="--model")
    context = 1 if model == "persistence" else NEWEST
    ahead = HORIZON if horizon is None else horizon
    if every:
        references = rollout.usable_references(cube, context)
    elif at:
        references = sorted({index for time in at for index in rollout.reference_indices(cube, time)})
    else:
        references = rollout.newest_references(cube)
    like = pattern(cube, context=context, horizon=ahead, references=references, name=model)
    why = " (--horizon to change)" if horizon is None else ""
    frames = f"{context} frame{'s' if context > 1 else ''} in, {ahead} out"
    tell(
        f"model    {model}, which needs no training: {frames}, {duration(ahead * (time_step(cube) or 0.0))} ahead{why}"
    )
    made = baseline(model, cube, like)
    result = _described(made, {**like.attrs, **attrs})
    if result.nbytes > MOST_IN_MEMORY:
        return result
    with reading(label(cube)):
        computed: xr.DataArray | xr.Dataset = result.compute()
    if not np.isfinite(products.mean(computed)).any():
        raise InputError(
            f"{label(cube)}: no pixel has a value in the newest {context} frame(s) of any reference time",
            next_step="forecast from another time: --at TIME",
        )
    return computed


def _described(made: xr.DataArray | xr.Dataset, attrs: dict[str, object]) -> xr.DataArray | xr.Dataset:
    """The forecast with what every forecast says of itself, in place of what a baseline does."""
    if isinstance(made, xr.DataArray):
        return made.drop_attrs(deep=False).assign_attrs(attrs)
    own = {name: value for name, value in attrs.items() if str(name).startswith("nowcast_")}
    told = {name: field.assign_attrs(own) for name, field in made.data_vars.items()}
    return made.assign(told)


def pattern(cube: xr.DataArray, *, context: int, horizon: int, references: Sequence[int], name: str) -> xr.DataArray:
    """A forecast whose coordinates and attributes are those of every forecast, and whose values are never worked out.

    Parameters are those of `nowcast.rollout.forecast`, which refuses what it does.
    """
    still = Persistence(channels=cube.sizes["channel"])
    as_it_is = Scaler("unit", 0.0, 1.0)
    return products.mean(
        rollout.forecast(still, as_it_is, cube, context=context, horizon=horizon, references=references, name=name)
    )
