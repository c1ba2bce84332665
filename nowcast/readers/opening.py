"""The two verbs of the room: open files as a cube, or as a forecast cube."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path

import xarray as xr

from nowcast.cube import label
from nowcast.errors import InputError
from nowcast.progress import bar
from nowcast.readers.damage import parsing
from nowcast.readers.finding import PathLike, find, is_address, refusal, shown
from nowcast.readers.formats.gif import GIFReader
from nowcast.readers.formats.grib import GRIBReader
from nowcast.readers.formats.knmi import KNMIReader
from nowcast.readers.formats.netcdf import NetCDFReader
from nowcast.readers.formats.npz import NPZReader
from nowcast.readers.formats.odim import ODIMReader
from nowcast.readers.formats.pgm import PGMReader
from nowcast.readers.formats.pictures import PicturesReader
from nowcast.readers.formats.tiff.geotiff import GeoTIFFReader
from nowcast.readers.formats.tiff.reader import TIFFReader
from nowcast.readers.formats.video.reader import VideoReader
from nowcast.readers.formats.zarr.ome import OMEZarrReader
from nowcast.readers.formats.zarr.reader import ZarrReader
from nowcast.readers.formats.zarr.remote import open_remote
from nowcast.readers.joining.along_time import apart, join
from nowcast.readers.joining.kinds import Part
from nowcast.readers.joining.slimming import slim
from nowcast.readers.labelling.forecasts import as_forecast
from nowcast.readers.labelling.gridded import as_cube
from nowcast.readers.naming import places
from nowcast.readers.options import Options
from nowcast.readers.protocol import Reader
from nowcast.readers.shaping import shaped

__all__ = ["READERS", "open_cube", "open_forecast"]

READERS: tuple[Reader, ...] = (
    OMEZarrReader(),
    ZarrReader(),
    ODIMReader(),
    KNMIReader(),
    NetCDFReader(),
    PGMReader(),
    GIFReader(),
    NPZReader(),
    GRIBReader(),
    GeoTIFFReader(),
    TIFFReader(),
    VideoReader(),
    PicturesReader(),
)
"""The first that recognises a path opens it: the more particular a format, the further ahead."""

MANY = 64
"""Of more files than these, no more is held than their values need; and a bar shows how far it is."""

Chunks = Mapping[str, int] | int | str


def open_cube(
    path: PathLike | Sequence[PathLike],
    *,
    variable: str | None = None,
    channel: str | int | None = None,
    chunks: Chunks | None = None,
    axes: str | None = None,
    time_step: str | float | None = None,
    start_time: str | None = None,
    pixel_size: str | float | None = None,
    z: str | int | None = None,
    colour_table: str | None = None,
    rgb: bool = False,
    trust_pickle: bool = False,
    remote: bool = False,
    missing: str | None = None,
    missing_value: float | None = None,
    classes: str | None = None,
    zr: str | None = None,
    since: str | None = None,
    until: str | None = None,
    crop: str | None = None,
    coarsen: int | None = None,
    size: str | None = None,
) -> xr.DataArray:
    """Open files, folders, globs or stores as one lazy cube, dims `(time, channel, y, x)`.

    The format is found by content. Missing pixels are NaN; rows, columns and the times of one file keep their order.
    What a file says of itself wins over what is said here of files that say nothing (`axes` to `colour_table`).

    Parameters
    ----------
    variable
        Which field, where the files hold several.
    channel
        Which entry of the fourth axis, by its label or its position.
    chunks
        Sizes of dask chunks in place of the store's own, as `DataArray.chunk` takes them.
    axes
        A letter for each axis of an unlabelled stack: `"TYX"`, `"TZCYX"`.
    time_step
        Between frames: `"30s"`, or seconds.
    start_time
        Of the first frame, ISO 8601; else times count from 1970-01-01.
    pixel_size
        Of a side: `"0.35um"`.
    z
        `"max"`, `"mean"`, `"sum"` over the planes of a stack, or the number of one.
    colour_table
        What the codes of a palette mean: a name, or a CSV file of `index,value`.
    rgb
        Keep red, green and blue as channels instead of their grey.
    trust_pickle
        Unpickle the dates of `.npz` files, which can run any program.
    remote
        `path` may be the address of a zarr store (`s3://`, `https://`, `gs://`, `file://`, ...), by fsspec.
    missing
        `"nan"`: what is absent or cut off becomes missing, with a record in the attributes, instead of an error.
    missing_value
        A value that stands for missing pixels, in the field's units.
    classes
        Codes of a field of classes, `"7,8"`: the cube is 1 where the field is one of them, else 0.
    zr
        `"a,b"` of Z = a R^b: reflectivity in dBZ becomes rain in mm h-1, and the relation is recorded.
    since, until
        Times to keep, ISO 8601 in UTC, both included.
    crop
        Rows and columns to keep, `"100:356,0:256"`.
    coarsen
        Blocks of so many pixels a side are averaged.
    size
        Rows and columns to resize to, `"128x128"`.

    Raises
    ------
    InputError
        Nothing to read, damaged or foreign files, no or several fields, files that do not fit together, a forecast,
        or an option that means nothing here.
    MachineError
        Permission is lacking, or an extra that a format needs.
    UnsafeError
        A file holds pickled objects, or leads to other files.
    """
    options = Options(
        variable=variable,
        channel=channel,
        axes=axes,
        time_step=time_step,
        start_time=start_time,
        pixel_size=pixel_size,
        z=z,
        colour_table=colour_table,
        rgb=rgb,
        trust_pickle=trust_pickle,
        remote=remote,
        missing=missing,
        missing_value=missing_value,
        classes=classes,
        zr=zr,
        since=since,
        until=until,
        crop=crop,
        coarsen=coarsen,
        size=size,
    )
    options.lenient()  # another word than nan is refused, whatever the format makes of it
    cube = shaped(_joined(path, options), options)
    if chunks is None:
        return cube
    try:
        chunked = cube.chunk(chunks)
    except ValueError as error:
        raise InputError(
            f"{label(cube)}: cannot be cut into these chunks", found=str(error), needed="sizes of time, channel, y, x"
        ) from error
    chunked.encoding = cube.encoding
    return chunked


def open_forecast(path: PathLike, *, variable: str | None = None) -> xr.DataArray | xr.Dataset:
    """Open one NetCDF file or zarr store as a lazy forecast cube, or as a probabilistic forecast where it holds one.

    Dims `(forecast_reference_time, lead_time, [realization,] channel, y, x)`, `lead_time` as timedelta64, and
    `valid_time` along the first two. A probabilistic forecast is a Dataset of products (see `nowcast.products`).

    Parameters
    ----------
    variable
        Which field, where the file holds several; None also of a probabilistic forecast, for all its products.

    Raises
    ------
    InputError
        It is not a forecast, or what `open_cube` refuses.
    """
    known = _Known()
    files = find(path, known)
    if len(files) > 1:
        raise InputError(f"{path}: {len(files)} files", needed="one forecast", next_step=f"give one: {files[0]}")
    with parsing(str(files[0])):
        return as_forecast(known.open(files[0], Options()), str(files[0]), variable=variable)


def _joined(path: PathLike | Sequence[PathLike], options: Options) -> xr.DataArray:
    address = os.fspath(path) if isinstance(path, str | os.PathLike) else os.fspath(path[0]) if len(path) == 1 else ""
    if options.remote and is_address(address):
        with parsing(shown(address)):
            return as_cube(open_remote(address), shown(address), options)
    known = _Known()
    files = find(path, known)
    if len(files) == 1:
        with parsing(str(files[0])):
            return as_cube(known.open(files[0], options), str(files[0]), options)
    parts: list[Part] = []
    held: set[str] = set()
    many = len(files) > MANY
    with bar("open", len(files)) if many else nullcontext() as line:
        for looked, (file, place) in enumerate(zip(files, places(files), strict=True), 1):
            if str(file) not in held:
                with parsing(str(file)):
                    part = Part.of(as_cube(known.open(file, options), str(file), options, place=place))
                parts.append(slim(part, parts[0] if parts else part) if many else part)
                held.update(part.encoding.get("files", ()))  # one OME-TIFF may lie in several
            if line is not None:
                line.to(looked, note=file.name)
    return join(apart(parts))


class _Known:
    """Which reader knows a path; each path is looked at once."""

    def __init__(self) -> None:
        self._readers: dict[Path, Reader | None] = {}

    def __call__(self, path: Path) -> bool:
        if path not in self._readers:
            self._readers[path] = next((reader for reader in READERS if reader.recognises(path)), None)
        return self._readers[path] is not None

    def open(self, path: Path, options: Options) -> xr.Dataset:
        reason = None if self._readers.get(path) else refusal(path, self)
        reader = self._readers.get(path)
        if reason is not None or reader is None:
            raise InputError(
                f"{path}: cannot be read",
                found=reason,
                needed=", ".join(each.name for each in READERS),
            )
        return reader.open(path, options)
