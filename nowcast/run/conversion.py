"""Any readable input to one cube in one place, chunked for training."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import xarray as xr

from nowcast.cube import label
from nowcast.errors import InputError
from nowcast.progress import bar, quiet, tell
from nowcast.readers import reading
from nowcast.readers.finding import shown
from nowcast.readers.options import given
from nowcast.run.source import Source, cube_from
from nowcast.writers import require_writable, write_cube
from nowcast.writers.resuming import write_store

__all__ = ["convert"]


def convert(
    source: Source,
    out: str | os.PathLike[str],
    *,
    variable: str | None = None,
    channel: str | int | None = None,
    options: Mapping[str, Any] | None = None,
    chunks: Mapping[str, int] | None = None,
    shards: Mapping[str, int] | None = None,
    resume: bool = False,
    progress: bool = True,
) -> Path:
    """Read paths (or take a cube) and write one zarr store, or a file of another kind, by the suffix of `out`.

    Parameters
    ----------
    options
        What else `nowcast.open_cube` is told of the files, by its keywords: `{"axes": "TYX", "time_step": "30s"}`.
    chunks, shards
        Of a zarr store: sizes by dim (`{"time": 16, "y": 256, "x": 256}`); chunks are chosen for training where
        they are not given, shards are not made.
    resume
        Go on with a zarr store that an interrupted call began.

    Raises
    ------
    InputError
        What cannot be read or written; nothing to resume, or what was begun is made of something else.
    MachineError
        The disk is full or may not be written; what stood at `out` is untouched.
    """
    path = require_writable(out)
    store = path.name.endswith(".zarr") and not path.name.endswith(".ome.zarr")
    if not store and (chunks or shards or resume):
        raise InputError(f"{path}: only a zarr store is cut into chunks and gone on with", needed="OUT.zarr")
    with quiet(not progress):
        cube = cube_from(source, variable=variable, channel=channel, options=options)
        with bar("convert") as line, reading(label(cube)):
            if not store:
                return write_cube(cube, path, progress=line.to)
            try:
                made_of = _made_of(source, given(options))
                return write_store(
                    cube, path, made_of=made_of, chunks=chunks, shards=shards, resume=resume, progress=line.to
                )
            except KeyboardInterrupt:
                tell("stopped  what is written is kept: the same command with --resume goes on")
                raise


def _made_of(source: Source, options: dict[str, Any]) -> str:
    """The files with their sizes and times of change, and how they are read; nothing for a cube in memory."""
    if isinstance(source, xr.DataArray):
        return "a cube in memory"
    paths = [source] if isinstance(source, str | os.PathLike) else list(source)
    files = sorted(file for path in paths for file in _files(Path(path)))
    return json.dumps([options, files], default=str, sort_keys=True)


def _files(path: Path) -> Sequence[tuple[str, int, int]]:
    try:
        if path.is_dir():
            return [(str(path), *_stamp(entry)) for entry in path.iterdir()]
        return [(str(path), *_stamp(path))]
    except OSError:
        return [(shown(str(path)), 0, 0)]


def _stamp(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns
