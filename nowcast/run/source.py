"""What a verb is given: a cube, several, the paths of them, or the name of a standard dataset."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from nowcast.config import Data
from nowcast.cube import check, is_counted, label, sequence_of, time_step
from nowcast.datasets.catalogue import near_miss, open_dataset, parse
from nowcast.errors import InputError
from nowcast.plain_json import parsed
from nowcast.progress import tell
from nowcast.readers import open_cube, open_forecast
from nowcast.readers.joining.kinds import OtherKindError
from nowcast.readers.labelling.fields import SeveralFieldsError
from nowcast.readers.options import Options, given
from nowcast.readers.stored import stored
from nowcast.sizes import duration
from nowcast.units import in_units

__all__ = [
    "READ_AS",
    "Source",
    "Sources",
    "cube_from",
    "cubes_from",
    "forecast_from",
    "held",
    "remembered",
    "span",
    "stem",
]

READ_AS = "nowcast_read_as"
"""The attribute in which a forecast remembers, as JSON, the options that its cube was read with."""

MOST_KINDS = 16
"""More sources than these of several kinds are taken for a folder with foreign files in it."""

Source = xr.DataArray | str | os.PathLike[str] | Sequence[str | os.PathLike[str]]
Sources = Source | Sequence[xr.DataArray | str | os.PathLike[str]]


def cube_from(
    source: Source,
    *,
    variable: str | None = None,
    channel: str | int | None = None,
    options: Mapping[str, Any] | None = None,
) -> xr.DataArray:
    """The cube itself, checked, or the cube that the paths or the dataset hold; dims `(time, channel, y, x)`.

    Parameters
    ----------
    source
        Text that is no path of anything may be `NAME` or `NAME:FOLDER` of `nowcast.datasets.DATASETS`.
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
    dataset = _dataset(source)
    if dataset is None:
        cube = open_cube(source, variable=variable, channel=channel, **told)
    else:
        name, place = dataset
        cube = open_dataset(name, place, options=Options(variable=variable, channel=channel, **told))
    tell(f"read     {span(cube)}")
    return cube


def cubes_from(
    source: Sources, data: Data | None = None, *, options: Mapping[str, Any] | None = None
) -> list[xr.DataArray]:
    """The cube that all paths make together; where they are of several kinds, the cube of each, in the first's units.

    Parameters
    ----------
    source
        Cubes and paths may stand side by side: then each is one of the cubes.
    data
        How paths are read.
    options
        What the caller was told of the files, which is refused where a cube is given.

    Raises
    ------
    InputError
        What cannot be read; cubes of another quantity, time step or number of channels than the first.
    """
    by: dict[str, Any] = {}
    if data is not None:
        told = data.model_dump(exclude={"variable", "channel"}, exclude_none=True)
        by = {"variable": data.variable, "channel": data.channel, "options": told}

    def one(part: Source) -> xr.DataArray:
        return cube_from(part, options=options) if isinstance(part, xr.DataArray) else cube_from(part, **by)

    if isinstance(source, xr.DataArray | str | os.PathLike):
        return [one(source)]
    parts = list(source)
    paths = [part for part in parts if not isinstance(part, xr.DataArray)]
    if len(paths) == len(parts):
        try:
            return [one(paths)]
        except OtherKindError:
            if len(paths) > MOST_KINDS or not all(Path(path).exists() for path in paths):
                raise
    first, *others = (one(part) for part in parts)
    return [first, *(_like(first, cube) for cube in others)]


def _like(first: xr.DataArray, cube: xr.DataArray) -> xr.DataArray:
    """In the first's units, under its name; refused where it is of another kind."""
    cube = in_units(cube, name=str(first.name), units=first.attrs.get("units")).rename(first.name)
    steps = [time_step(each) or 0.0 for each in (first, cube)]
    for what, theirs, ours, same in (
        ("time step", duration(steps[1]), duration(steps[0]), abs(steps[1] - steps[0]) <= 0.01 * steps[0]),
        ("channels", cube.sizes["channel"], first.sizes["channel"], cube.sizes["channel"] == first.sizes["channel"]),
    ):
        if not same:
            raise InputError(
                f"{label(cube)}: cannot be trained on together with {label(first)}, another {what}",
                found=str(theirs),
                needed=str(ours),
            )
    return cube


def _dataset(source: str | os.PathLike[str] | Sequence[str | os.PathLike[str]]) -> tuple[str, str | None] | None:
    """The dataset and folder that the source names, where it is no path.

    Raises
    ------
    InputError
        A dataset among other things, or what is nearly a dataset's name.
    """
    sources = [source] if isinstance(source, str | os.PathLike) else list(source)
    texts = [text for text in sources if isinstance(text, str) and not Path(text).expanduser().exists()]
    named = [text for text in texts if parse(text)]
    if named and len(sources) > 1:
        raise InputError(f"{named[0]}: a dataset stands alone", found=f"{len(sources)} sources", next_step=named[0])
    for text in texts:
        error = None if named else near_miss(text)
        if error is not None:
            raise error
    return parse(named[0]) if named else None


def remembered(kept: Any) -> dict[str, Any]:
    """Options that a model file or a forecast remembers (as a mapping or JSON); what may not be remembered is left out.

    Raises
    ------
    InputError
        It is no set of options.
    """
    try:
        told = parsed(kept) if isinstance(kept, str) else dict(kept or {})
        return Options(**told).remembered()
    except (TypeError, ValueError) as error:
        raise InputError(f"options that are none: {kept!r}", needed=", ".join(Options.names())) from error


def held(cube: xr.DataArray, *, memory: int) -> xr.DataArray:
    """The cube in memory where it fits and is not one variable of a store, which is quickly read again."""
    return cube.compute() if cube.nbytes <= memory and stored(cube) is None else cube


def forecast_from(
    source: xr.DataArray | xr.Dataset | str | os.PathLike[str], *, variable: str | None = None
) -> xr.DataArray | xr.Dataset:
    """The forecast itself, or the one that the path holds: a cube, or products (see `nowcast.products`).

    Parameters
    ----------
    variable
        Which field, where the file holds several forecasts that are no products of one.
    """
    if isinstance(source, xr.DataArray | xr.Dataset):
        return source
    try:
        return open_forecast(source)
    except SeveralFieldsError:
        if variable is None:
            raise
        return open_forecast(source, variable=variable)


def span(cube: xr.DataArray) -> str:
    """One line: variable, units, sizes, times (or sequences, where times only count frames) and step."""
    time = cube["time"].dt.strftime("%Y-%m-%d %H:%M").values
    step = time_step(cube)
    sequences = len(np.unique(sequence_of(cube)))
    counted = is_counted(cube["time"])
    return (
        f"{cube.name} ({cube.attrs.get('units', 'no units')}), {cube.sizes['time']} frames of "
        f"{cube.sizes['y']} x {cube.sizes['x']}, "
        + (f"{sequences} sequence(s)" if counted else f"{time[0]} to {time[-1]}")
        + ("" if step is None else f", every {duration(step)}")
    )


def stem(source: Source | Sequence[xr.DataArray]) -> str:
    """A short name for what was given, for the folder of a run."""
    first: Any = source if isinstance(source, str | os.PathLike | xr.DataArray) else next(iter(source), "cube")
    if isinstance(first, xr.DataArray):
        return str(first.name or "cube")
    dataset = parse(first) if isinstance(first, str) and not Path(first).exists() else None
    if dataset is not None:
        return dataset[0]
    name = Path(first).resolve().name.split(".")[0]
    return "".join(letter if letter.isalnum() or letter in "-_" else "-" for letter in name).strip("-") or "cube"
