"""NetCDF classic, NetCDF4, and plain HDF5 that follows NetCDF's conventions, through the NetCDF library."""

from __future__ import annotations

from pathlib import Path

import xarray as xr

from nowcast.errors import InputError
from nowcast.readers.damage import damaged, reading
from nowcast.readers.formats.hdf5 import check_safe, is_hdf5
from nowcast.readers.formats.netcdf_classic import needed_bytes
from nowcast.readers.lazy import AS_STORED
from nowcast.readers.options import Options
from nowcast.sealing import check_file

__all__ = ["NetCDFReader"]

_CLASSIC = (b"CDF\x01", b"CDF\x02", b"CDF\x05")


class NetCDFReader:
    """Files that begin as NetCDF classic or HDF5; an HDF5 signature may follow a user block of 512, 1024, ... bytes."""

    name = "NetCDF"

    def recognises(self, path: Path) -> bool:
        if path.is_dir():
            return False
        return _is_classic(path) or is_hdf5(path)

    def open(self, path: Path, options: Options) -> xr.Dataset:
        classic = _is_classic(path)
        if classic:
            _check_length(path)
        check_file(path)
        if not classic:
            check_safe(path)
        with reading(str(path)):
            dataset = xr.open_dataset(path, engine="netcdf4", create_default_indexes=False, **AS_STORED)
            _tell_default_fill(dataset)
            for dim in dataset.dims:
                if dim in dataset.variables:
                    dataset.variables[dim].load()
            dataset.close()  # opened again for its values
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


def _is_classic(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) in _CLASSIC


def _tell_default_fill(dataset: xr.Dataset) -> None:
    """Say of floats that state no fill value which one the library puts where nothing was written."""
    import netCDF4

    for variable in dataset.variables.values():
        fill = netCDF4.default_fillvals.get(f"{variable.dtype.kind}{variable.dtype.itemsize}")
        told = {"_FillValue", "missing_value"} & set(variable.attrs)
        if variable.dtype.kind == "f" and variable.ndim and fill is not None and not told:
            variable.attrs["_FillValue"] = variable.dtype.type(fill)


def _check_length(path: Path) -> None:
    size = path.stat().st_size
    with path.open("rb") as file:
        try:
            needed = needed_bytes(file)
        except (ValueError, KeyError, IndexError) as error:
            raise damaged(
                path, "the header of a NetCDF classic file ends early or makes no sense", found=f"{size} bytes"
            ) from error
    if size < needed:
        raise damaged(
            path,
            "the file is cut short",
            found=f"{size} bytes",
            needed=f"{needed} bytes",
        )


def _groups(path: Path) -> list[str]:
    import netCDF4
    from xarray.backends.netCDF4_ import NETCDF4_PYTHON_LOCK  # threads of dask's may be reading others

    with reading(str(path)), NETCDF4_PYTHON_LOCK, netCDF4.Dataset(path) as file:
        return [str(name) for name in file.groups]
