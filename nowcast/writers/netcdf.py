"""A CF dataset to a NetCDF-4 file: zlib, shuffle, a checksum on every chunk, and a seal over the rest."""

from __future__ import annotations

import errno
import math
import shutil
from pathlib import Path

import xarray as xr

from nowcast.sealing import seal_file

__all__ = ["write"]

CHUNK_BYTES = 2**18
"""Frames smaller than this are put together, several to a chunk."""

CHUNK_SIDE = 2048
"""Frames with longer sides are cut: a chunk is read as a whole."""

BLOCK_BYTES = 2**24
"""What one dask task writes at a time: whole chunks, so that no chunk is packed twice."""

FULL_DISK_BYTES = 2**24
"""With less room than this, a failure inside the HDF5 library, which tells no cause, is taken for a full disk."""


def write(dataset: xr.Dataset, path: Path) -> None:
    """Write to a new file, streaming lazy variables block by block.

    Raises
    ------
    OSError
        The disk is full, or the place may not be written.
    """
    dataset = dataset.copy()
    for name, variable in dataset.variables.items():
        if variable.ndim and variable.dtype.kind in "biuf":
            variable.encoding.update(zlib=True, complevel=4, shuffle=True, fletcher32=True)
        if variable.ndim >= 3:
            chunks = chunk_sizes(variable)
            variable.encoding["chunksizes"] = tuple(chunks.values())
            dataset[name].variable.data = variable.chunk(_blocks(variable, chunks)).data
    try:
        # not h5netcdf: h5py crashes the process (SIGSEGV) at its end after a write to a full disk
        dataset.to_netcdf(path, engine="netcdf4", format="NETCDF4")
    except RuntimeError as error:
        if shutil.disk_usage(path.parent).free < FULL_DISK_BYTES:
            raise OSError(errno.ENOSPC, "No space left on device", str(path)) from error
        raise
    seal_file(path, guarded=_checksummed(path))


def _checksummed(path: Path) -> list[tuple[int, int]]:
    """Where the chunks of the large variables lie, which have checksums of their own."""
    import h5py

    places: list[tuple[int, int]] = []
    with h5py.File(path, "r") as file:
        for variable in file.values():
            if isinstance(variable, h5py.Dataset) and variable.fletcher32 and variable.ndim >= 3:
                variable.id.chunk_iter(lambda chunk: places.append((chunk.byte_offset, chunk.byte_offset + chunk.size)))
    return places


def chunk_sizes(variable: xr.Variable) -> dict[str, int]:
    """Chunk length by dim: one frame, or as many small frames as make a chunk worth its name."""
    sizes = {str(dim): min(size, CHUNK_SIDE) for dim, size in variable.sizes.items()}
    *leading, rows, columns = sizes
    along = "lead_time" if "lead_time" in leading else leading[0]
    frame = sizes[rows] * sizes[columns] * variable.dtype.itemsize
    frames = max(1, min(variable.sizes[along], CHUNK_BYTES // frame))
    return {**dict.fromkeys(leading, 1), along: frames, rows: sizes[rows], columns: sizes[columns]}


def _blocks(variable: xr.Variable, chunks: dict[str, int]) -> dict[str, int]:
    """Chunk lengths for dask: whole frames of the file's chunks, several in time up to `BLOCK_BYTES`."""
    *leading, rows, columns = map(str, variable.dims)
    along = "lead_time" if "lead_time" in leading else leading[0]
    whole = {**chunks, rows: variable.sizes[rows], columns: variable.sizes[columns]}
    bytes_each = math.prod(whole.values()) * variable.dtype.itemsize
    return {**whole, along: whole[along] * max(1, BLOCK_BYTES // bytes_each)}
