"""What files are as one cube, and what fit would do with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nowcast.config import Settings
from nowcast.cube import label
from nowcast.description import Description, describe
from nowcast.errors import InputError
from nowcast.progress import quiet
from nowcast.readers import reading
from nowcast.run.preparing import cut
from nowcast.run.source import Source, cube_from
from nowcast.scaling import Scaler
from nowcast.windows import PARTS

__all__ = ["inspect"]


def inspect(
    source: Source,
    *,
    variable: str | None = None,
    channel: str | int | None = None,
    options: Mapping[str, Any] | None = None,
    progress: bool = True,
) -> tuple[Description, dict[str, Any]]:
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
        return description, plan
