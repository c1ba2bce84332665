"""What files are as one cube, and what fit would do with it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import xarray as xr

from nowcast.config import Settings
from nowcast.cube import label
from nowcast.description import Description, describe
from nowcast.errors import InputError
from nowcast.progress import quiet
from nowcast.readers import reading
from nowcast.report import as_text, described, description_table
from nowcast.run.preparing.dividing import cut
from nowcast.run.source import Source, cube_from
from nowcast.scaling import Scaler
from nowcast.sealing import is_sealed
from nowcast.windows import PARTS

__all__ = ["Inspection", "inspect"]


class Inspection(NamedTuple):
    """What a cube is, and what fit would do with it; shown as a table, and taken apart as any pair.

    Attributes
    ----------
    description
        See `nowcast.description.Description`.
    plan
        `context, horizon, scaling, frames, embargo_frames`, or `refused` with the reason.
    """

    description: Description
    plan: dict[str, Any]

    def __repr__(self) -> str:
        return as_text(description_table(self.description, self.plan))

    def _repr_html_(self) -> str:
        return described(self.description, self.plan)


def _unsealed(source: Source) -> str | None:
    """The first of the files given that nothing of ours vouches for, by name."""
    if isinstance(source, xr.DataArray):
        return None
    paths = [source] if isinstance(source, str | os.PathLike) else list(source)
    found = [Path(path) for path in paths if Path(path).exists()]
    return next((path.name for path in found if not is_sealed(path)), None)


def inspect(
    source: Source,
    *,
    variable: str | None = None,
    channel: str | int | None = None,
    options: Mapping[str, Any] | None = None,
    progress: bool = True,
) -> Inspection:
    """Describe a cube, and what `nowcast fit` would choose for it (or why it could not).

    Parameters
    ----------
    options
        What else `nowcast.open_cube` is told of the files, by its keywords: `{"axes": "TYX", "time_step": "30s"}`.

    Raises
    ------
    InputError
        What cannot be read as a cube.
    """
    with quiet(not progress):
        cube = cube_from(source, variable=variable, channel=channel, options=options)
        with reading(label(cube)):
            description = describe(cube)
        if (unsealed := _unsealed(source)) is not None:
            description.warnings.append(
                f"{unsealed} carries no checksums of nowcast: its format may not show damage within its values; "
                "nowcast convert makes a copy that does"
            )
        try:
            context, horizon, parts = cut(cube, Settings())
            training = cube.isel(time=parts.frames("training"))
            plan: dict[str, Any] = {
                "context": context,
                "horizon": horizon,
                "scaling": str(Scaler.fit(training)),
                "frames": {name: len(parts.frames(name)) for name in PARTS},
                "embargo_frames": parts.embargo,
            }
        except InputError as error:
            plan = {"refused": str(error)}
        return Inspection(description, plan)
