"""NetCDF classic, NetCDF4, and plain HDF5 that follows NetCDF's conventions, through the NetCDF library."""

from __future__ import annotations

from pathlib import Path

import xarray as xr

from nowcast.errors import InputError
from nowcast.readers.classic import needed_bytes
from nowcast.readers.damage import reading
from nowcast.readers.hdf5 import begins_as_hdf5, require_self_contained
from nowcast.readers.options import Options
from nowcast.sealing import check_file

__all__ = ["NetCDFReader"]

_CLASSIC = (b"CDF\x01", b"CDF\x02", b"CDF\x05")
_HDF5 = b"\x89HDF\r\n\x1a\n"


class NetCDFReader:
    """Files that begin as NetCDF classic or HDF5; an HDF5 signature may follow a user block of 512, 1024, ... bytes."""

    name = "NetCDF"

    def recognises(self, path: Path) -> bool:
        if path.is_dir():
            return False
        size = path.stat().st_size
        with path.open("rb") as file:
            start = file.read(8)
            if start[:4] in _CLASSIC or start == _HDF5:
                return True
            offset = 512
            while offset + 8 <= size:
                file.seek(offset)
                if file.read(8) == _HDF5:
                    return True
                offset *= 2
        return False

    def open(self, path: Path, options: Options) -> xr.Dataset:
        _check_length(path)
        check_file(path)
        if begins_as_hdf5(path):
            require_self_contained(path)
        with reading(str(path)):
            dataset = xr.open_dataset(
                path,
                engine="netcdf4",
                chunks=None,
                cache=False,
                mask_and_scale=False,
                decode_times=False,
                decode_timedelta=False,
                decode_coords=False,
            )
        if not dataset.variables:
            groups = _groups(path)
            if groups:
                raise InputError(
                    f"{path}: its variables lie in groups, which are not read",
                    found="groups " + ", ".join(groups),
                    needed="variables at the top of the file",
                    next_step=f"take one out: ncks -G : -g {groups[0]} {path.name} {path.stem}_{groups[0]}.nc",
                )
        return dataset


def _check_length(path: Path) -> None:
    size = path.stat().st_size
    with path.open("rb") as file:
        if file.read(4) not in _CLASSIC:
            return
        file.seek(0)
        try:
            needed = needed_bytes(file)
        except (ValueError, KeyError, IndexError) as error:
            raise InputError(
                f"{path}: damaged, the header of a NetCDF classic file ends early or makes no sense",
                found=f"{size} bytes",
                next_step="fetch or write it again, or leave it out",
            ) from error
    if size < needed:
        raise InputError(
            f"{path}: damaged, the file is cut short",
            found=f"{size} bytes",
            needed=f"{needed} bytes",
            next_step="fetch or write it again, or leave it out",
        )


def _groups(path: Path) -> list[str]:
    import netCDF4

    with reading(str(path)), netCDF4.Dataset(path) as file:
        return [str(name) for name in file.groups]
