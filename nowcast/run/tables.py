"""Tables of scores and cases, as a run or `nowcast evaluate -o` wrote them, read again."""

from __future__ import annotations

from pathlib import Path

import xarray as xr

from nowcast.errors import InputError

__all__ = ["checked", "opened", "scores_from"]


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
    """A table in memory, its file closed again."""
    try:
        if path.suffix == ".zarr":
            store: xr.Dataset = xr.open_zarr(path, consolidated=False, decode_timedelta=True).load()
            return store
        with xr.open_dataset(path, engine="h5netcdf", decode_timedelta=True) as table:
            loaded: xr.Dataset = table.load()
            return loaded
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise InputError(f"{path}: cannot be read as scores", found=str(error).splitlines()[0]) from error
