"""Any readable input to one cube in one place, chunked for training."""

from __future__ import annotations

import os
from pathlib import Path

from nowcast.cube import label
from nowcast.progress import bar, quiet
from nowcast.readers import reading
from nowcast.run.source import Source, cube_from
from nowcast.writers import require_writable, write_cube

__all__ = ["convert"]


def convert(
    source: Source,
    out: str | os.PathLike[str],
    *,
    variable: str | None = None,
    channel: str | int | None = None,
    progress: bool = True,
) -> Path:
    """Read paths (or take a cube) and write one zarr store or NetCDF file, by the suffix of `out`.

    Raises
    ------
    InputError
        What cannot be read, or a suffix other than `.zarr` and `.nc`.
    MachineError
        The disk is full or may not be written; what stood at `out` is untouched.
    """
    require_writable(out)
    with quiet(not progress):
        cube = cube_from(source, variable=variable, channel=channel)
        with bar("convert") as line, reading(label(cube)):
            return write_cube(cube, out, progress=line.to)
