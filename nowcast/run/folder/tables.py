"""Tables of scores and cases, as a run or `nowcast evaluate -o` wrote them, read again."""

from __future__ import annotations

from pathlib import Path

import xarray as xr

from nowcast.errors import InputError, UnsafeError
from nowcast.readers.formats.hdf5 import check_safe
from nowcast.readers.formats.zarr.reader import careful

__all__ = ["checked", "opened", "scores_from"]

LARGEST = 2**29
"""Bytes of a table in memory."""


def scores_from(path: Path) -> xr.Dataset:
    """The scores of a file or a store, in memory.

    Raises
    ------
    InputError
        Nothing is there, it cannot be read, or it is no table of scores.
    """
    if not path.exists():
        raise InputError(f"{path}: no such run or table of scores", next_step="nowcast evaluate … -o scores.nc")
    return checked(opened(path), path)


def checked(scores: xr.Dataset, path: Path | None) -> xr.Dataset:
    """The same scores, refused where they are none."""
    if not {"forecaster", "lead_time"} <= set(scores.dims):
        raise InputError(
            f"{path or 'the dataset'}: no table of scores",
            found=f"dims {', '.join(map(str, scores.dims)) or 'none'}",
            needed="forecaster, lead_time: what nowcast evaluate -o writes, or a run's folder",
        )
    return scores


def opened(path: Path) -> xr.Dataset:
    """A table in memory, its file closed again; it may lead to no other file, and be no larger than tables are.

    Raises
    ------
    InputError
        It cannot be read.
    UnsafeError
        It leads elsewhere, or asks for more memory than any table takes.
    """
    try:
        if path.suffix == ".zarr":
            return _loaded(xr.open_zarr(careful(path), consolidated=False, decode_timedelta=True), path)
        check_safe(path)
        with xr.open_dataset(path, engine="netcdf4", decode_timedelta=True) as table:
            return _loaded(table, path)
    except (InputError, OSError, ValueError, KeyError, RuntimeError, TypeError) as error:
        told = str(error).splitlines() or [type(error).__name__]
        raise InputError(f"{path}: cannot be read as scores", found=told[0][:200]) from error


def _loaded(table: xr.Dataset, path: Path) -> xr.Dataset:
    if table.nbytes > LARGEST:
        raise UnsafeError(
            f"{path}: too large for a table of scores", found=f"{table.nbytes} bytes", needed=f"at most {LARGEST}"
        )
    return table.load()
