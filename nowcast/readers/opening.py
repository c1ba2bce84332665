"""The two verbs of the room: open files as a cube, or as a forecast cube."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import xarray as xr

from nowcast.errors import InputError
from nowcast.readers.damage import reading
from nowcast.readers.finding import PathLike, find, refusal
from nowcast.readers.forecasts import as_forecast
from nowcast.readers.gridded import as_cube
from nowcast.readers.joining import join
from nowcast.readers.netcdf import NetCDFReader
from nowcast.readers.protocol import Reader
from nowcast.readers.zarr import ZarrReader

__all__ = ["READERS", "open_cube", "open_forecast"]

READERS: tuple[Reader, ...] = (ZarrReader(), NetCDFReader())
"""The first that recognises a path opens it: the more particular a format, the further ahead."""

Chunks = Mapping[str, int] | int | str


def open_cube(
    path: PathLike | Sequence[PathLike],
    *,
    variable: str | None = None,
    channel: str | int | None = None,
    chunks: Chunks | None = None,
) -> xr.DataArray:
    """Open files, folders, globs or zarr stores as one lazy cube, dims `(time, channel, y, x)`.

    The format is found by content. Missing pixels are NaN; rows, columns and the times of one file keep their order.

    Parameters
    ----------
    variable
        Which field, where the files hold several.
    channel
        Which entry of the fourth axis, by its label or its position.
    chunks
        Sizes of dask chunks in place of the store's own, as `DataArray.chunk` takes them.

    Raises
    ------
    InputError
        Nothing to read, damaged or foreign files, no or several fields, files that do not fit together, a forecast.
    MachineError
        Permission is lacking.
    UnsafeError
        A file holds pickled objects.
    """
    cubes = []
    for file in find(path, _recognised):
        with reading(str(file)):
            cubes.append(as_cube(_open(file), str(file), variable=variable, channel=channel))
    cube = join(cubes)
    if chunks is None:
        return cube
    encoding = cube.encoding
    cube = cube.chunk(chunks)
    cube.encoding = encoding
    return cube


def open_forecast(path: PathLike) -> xr.DataArray:
    """Open one NetCDF file or zarr store as a lazy forecast cube.

    Dims `(forecast_reference_time, lead_time, [realization,] channel, y, x)`, `lead_time` as timedelta64, and
    `valid_time` along the first two.

    Raises
    ------
    InputError
        It is not a forecast, or what `open_cube` refuses.
    """
    files = find(path, _recognised)
    if len(files) > 1:
        raise InputError(f"{path}: {len(files)} files", needed="one forecast", next_step=f"give one: {files[0]}")
    with reading(str(files[0])):
        return as_forecast(_open(files[0]), str(files[0]))


def _recognised(path: Path) -> bool:
    return any(reader.recognises(path) for reader in READERS)


def _open(path: Path) -> xr.Dataset:
    reason = refusal(path, _recognised)
    if reason is not None:
        raise InputError(
            f"{path}: cannot be read",
            found=reason,
            needed=", ".join(reader.name for reader in READERS),
        )
    reader = next(reader for reader in READERS if reader.recognises(path))
    return reader.open(path)
