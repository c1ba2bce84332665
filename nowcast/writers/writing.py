"""The verbs of the room: write a cube, a forecast or a table as the suffix tells, and say beforehand if it may be."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import xarray as xr
from dask.callbacks import Callback

from nowcast import products
from nowcast.atomic import replacing
from nowcast.cube import check
from nowcast.errors import InputError
from nowcast.writers import animation, cf, netcdf, ome_tiff, ome_zarr, zarr
from nowcast.writers.encoding import encode_dataset
from nowcast.writers.packing import DoesNotFitError

__all__ = ["holds_products", "require_writable", "write_cube", "write_dataset"]

_WRITERS = {".nc": netcdf.write, ".nc4": netcdf.write, ".zarr": zarr.write}

Progress = Callable[[int, int], object]


def write_cube(
    cube: xr.DataArray | xr.Dataset, path: str | os.PathLike[str], *, progress: Progress | None = None
) -> Path:
    """Write a cube, a forecast cube or a probabilistic forecast, as the suffix tells.

    CF-NetCDF (`.nc`, `.nc4`), a zarr store (`.zarr`), OME-TIFF (`.ome.tif`, `.tif`), OME-Zarr (`.ome.zarr`), or an
    animation (`.gif`, `.mp4`; without loss `.mkv`, `.avi`).
    Dims bear the names they had in the source. A plain cube keeps the integer packing of its source
    (`cube.encoding`) if every value fits; other float data, and forecasts always, are written as float32. What stood at
    `path` before stays until the new output is complete.

    Of a probabilistic forecast, NetCDF and zarr hold all products in one file, the probability packed as uint16 in
    steps of 1e-4; what is lazy is computed once for all of them. Images and animations hold one field: the matched one,
    which is not a blur.

    Parameters
    ----------
    cube
        Dims `(time, channel, y, x)`, or `(forecast_reference_time, lead_time[, realization], channel, y, x)`; NaN where
        missing; may be lazy, and is then streamed, even from the very store that `path` names. Or a Dataset of products
        of one variable (see `nowcast.products`).
    path
        A file or store that does not exist yet, or one to replace.
    progress
        Called with (tasks done, tasks in all) as blocks are written; starts anew if the packing turns out too narrow.

    Raises
    ------
    InputError
        Another suffix; no such folder; something that is not of this kind stands at `path`; not a cube, and no
        forecast.
    MachineError
        The disk is full, or the place may not be written.
    """
    path = require_writable(path)
    given: Any = cube
    if not isinstance(given, xr.DataArray | xr.Dataset):
        check(given)  # tells what it is
    if not holds_products(path):
        return _write_field(products.matched(cube), path, progress)
    try:
        return _write(cf.to_dataset(cube), path, progress)
    except DoesNotFitError:
        return _write(cf.to_dataset(cube, packed=False), path, progress)


def _write_field(cube: xr.DataArray, path: Path, progress: Progress | None) -> Path:
    if _is_ome(path):
        cube = cf.check_forecast(cube) if cf.is_forecast(cube) else check(cube)
        with replacing(path) as aside:
            if path.suffix == ".zarr":
                with nullcontext() if progress is None else _Reporting(progress):
                    ome_zarr.write(cube, aside)
            else:
                ome_tiff.write(cube, aside, progress)
        return path
    with replacing(path) as aside:
        animation.write(cube if cf.is_forecast(cube) else check(cube), aside, progress)
    return path


def write_dataset(dataset: xr.Dataset, path: str | os.PathLike[str]) -> Path:
    """Write any dataset, such as a table of scores, by the same rules of place as `write_cube`; dtypes as they are.

    Raises
    ------
    InputError
        Another suffix; no such folder; something that is not of this kind stands at `path`.
    MachineError
        The disk is full, or the place may not be written.
    """
    path = require_writable(path, table=True)
    return _write(encode_dataset(dataset), path, None)


def require_writable(path: str | os.PathLike[str], *, table: bool = False) -> Path:
    """The path, if an output may go there, a cube or (with `table`) any dataset: asked before long work, not after it.

    Raises
    ------
    InputError
        Another suffix; no such folder; something that is not of this kind stands at `path`.
    """
    path = Path(path)
    if not path.parent.is_dir():
        raise InputError(
            f"{path}: cannot be written", found=f"no folder {path.parent}", next_step=f"mkdir -p {path.parent}"
        )
    if path.suffix not in (*_WRITERS, *ome_tiff.SUFFIXES, *animation.SUFFIXES):
        raise InputError(
            f"{path}: no way to write this kind of file",
            found=f"suffix {path.suffix!r}",
            needed="'.nc' for CF-NetCDF, '.zarr' for a zarr store, '.ome.tif' or '.ome.zarr' for microscopy, "
            "or to look at: " + ", ".join(animation.SUFFIXES),
        )
    if table and (path.suffix not in _WRITERS or _is_ome(path)):
        raise InputError(f"{path}: only frames can be an animation or an image", needed="'.nc' or '.zarr'")
    store = path.suffix == ".zarr"
    ours = not path.is_file() if store else not path.is_dir()
    if store and path.is_dir():
        ours = any((path / name).is_file() for name in ("zarr.json", ".zgroup", ".zarray"))
    if not ours:
        raise InputError(
            f"{path}: something else of that name is in the way, and is left alone",
            found="a file" if path.is_file() else "a folder" + (" that is not a zarr store" if store else ""),
            needed="a new name, or an earlier " + ("zarr store" if store else "file of that kind"),
            next_step="choose another name, or move it away yourself",
        )
    return path


def holds_products(path: str | os.PathLike[str]) -> bool:
    """Whether a file of this suffix holds all products of a probabilistic forecast, and not one field alone."""
    path = Path(path)
    return path.suffix in _WRITERS and not _is_ome(path)


def _is_ome(path: Path) -> bool:
    return path.suffix in ome_tiff.SUFFIXES or path.name.endswith(ome_zarr.SUFFIX)


def _write(dataset: xr.Dataset, path: Path, progress: Progress | None) -> Path:
    with replacing(path) as aside:
        if progress is None:
            _WRITERS[path.suffix](dataset, aside)
        else:
            with _Reporting(progress):
                _WRITERS[path.suffix](dataset, aside)
    return path


class _Reporting(Callback):
    """Tells the progress of dask's local schedulers."""

    def __init__(self, progress: Progress) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._progress = progress
        self._done = self._total = 0

    def _start_state(self, _dsk: Any, state: dict[str, Any]) -> None:
        self._done, self._total = 0, len(state["ready"]) + len(state["waiting"])

    def _posttask(self, _key: Any, _result: Any, _dsk: Any, _state: Any, _worker: Any) -> None:
        self._done += 1
        self._progress(self._done, self._total)
