"""What a verb is given: a cube, or the paths of one."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import xarray as xr

from nowcast.cube import check, time_step
from nowcast.errors import InputError
from nowcast.progress import tell
from nowcast.readers import open_cube, open_forecast
from nowcast.readers.options import Options

__all__ = ["READ_AS", "Source", "cube_from", "forecast_from", "given", "remembered", "span", "stem"]

READ_AS = "nowcast_read_as"
"""The attribute in which a forecast remembers, as JSON, the options that its cube was read with."""

Source = xr.DataArray | str | os.PathLike[str] | Sequence[str | os.PathLike[str]]


def cube_from(
    source: Source,
    *,
    variable: str | None = None,
    channel: str | int | None = None,
    options: Mapping[str, Any] | None = None,
) -> xr.DataArray:
    """The cube itself, checked, or the cube that the paths hold; dims `(time, channel, y, x)`.

    Parameters
    ----------
    options
        What else `nowcast.open_cube` is told of the files, by its keywords.

    Raises
    ------
    InputError
        What the readers or `nowcast.cube.check` refuse; ways of reading for a cube that is read already.
    """
    told = given(options)
    if isinstance(source, xr.DataArray):
        if told:
            raise InputError(
                "the cube is in memory already: nothing is read that could be read in another way",
                found=f"options={told}",
                next_step="open_cube(path, ...) with these keywords, and give its cube",
            )
        return check(source)
    if isinstance(source, xr.Dataset):
        raise InputError("a cube is one variable, not a Dataset", next_step="dataset['name'], or open_cube(path)")
    cube = open_cube(source, variable=variable, channel=channel, **told)
    tell(f"read     {span(cube)}")
    return cube


def given(options: Mapping[str, Any] | None) -> dict[str, Any]:
    """The options that say something."""
    return {name: value for name, value in (options or {}).items() if value is not None and value is not False}


def remembered(kept: Any) -> dict[str, Any]:
    """Options that a model file or a forecast remembers (as a mapping or JSON); what may not be remembered is left out.

    Raises
    ------
    InputError
        It is no set of options.
    """
    try:
        told = json.loads(kept) if isinstance(kept, str) else dict(kept or {})
        return Options(**told).remembered()
    except (TypeError, ValueError) as error:
        raise InputError(f"options that are none: {kept!r}", needed=", ".join(Options.names())) from error


def forecast_from(source: xr.DataArray | str | os.PathLike[str]) -> xr.DataArray:
    """The forecast itself, or the one that the path holds."""
    return source if isinstance(source, xr.DataArray) else open_forecast(source)


def span(cube: xr.DataArray) -> str:
    """One line: variable, units, sizes, times and step."""
    time = cube["time"].dt.strftime("%Y-%m-%d %H:%M").values
    step = time_step(cube)
    return (
        f"{cube.name} ({cube.attrs.get('units', 'no units')}), {cube.sizes['time']} frames of "
        f"{cube.sizes['y']} x {cube.sizes['x']}, {time[0]} to {time[-1]}"
        + ("" if step is None else f", every {minutes(step)}")
    )


def minutes(seconds: float) -> str:
    """A duration as people say it."""
    return f"{seconds / 60:g} min" if seconds >= 60 else f"{seconds:g} s"


def stem(source: Source) -> str:
    """A short name for what was given, for the folder of a run."""
    if isinstance(source, xr.DataArray):
        return str(source.name or "cube")
    first = source if isinstance(source, (str, os.PathLike)) else next(iter(source), "cube")
    name = Path(first).resolve().name.split(".")[0]
    return "".join(letter if letter.isalnum() or letter in "-_" else "-" for letter in name).strip("-") or "cube"
