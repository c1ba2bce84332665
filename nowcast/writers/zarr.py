"""A CF dataset to a zarr v3 store, cut for reading windows: zstd, and a checksum on every chunk."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import xarray as xr

from nowcast.errors import MachineError
from nowcast.sealing import STORE_ATTRIBUTE, store_checksums

__all__ = ["CHUNKS_ATTRIBUTE", "write"]

CHUNKS_ATTRIBUTE = "nowcast_chunks"
"""The store's attribute that tells how many chunk objects each array has; written last: without it, unfinished."""

FRAMES = (16, 32)
"""Frames to a chunk: a window of context and horizon touches one or two of them."""

SIDE = 256
SMALLEST_BYTES = 2**20
LARGEST_BYTES = 2**23


def write(dataset: xr.Dataset, path: Path) -> None:
    """Write to a new store, streaming lazy variables chunk by chunk.

    Raises
    ------
    OSError
        The disk is full, or the place may not be written.
    MachineError
        Fewer chunks lie in the store than were written.
    """
    import zarr
    from zarr.codecs import Crc32cCodec, ZstdCodec

    dataset = dataset.copy()
    for name, variable in dataset.variables.items():
        variable.encoding["compressors"] = (ZstdCodec(level=3), Crc32cCodec())
        chunks = {str(dim): size for dim, size in variable.sizes.items()}
        if variable.ndim >= 3:
            chunks = chunk_sizes(variable)
            dataset[name].variable.data = variable.chunk(chunks).data
        if variable.ndim:
            variable.encoding["chunks"] = tuple(chunks.values())
    # chunks that hold the fill value alone are written too: then a missing object is always damage
    dataset.to_zarr(path, mode="w-", zarr_format=3, consolidated=False, write_empty_chunks=True)
    group = zarr.open_group(path, mode="r+")
    counts: dict[str, Any] = {}
    for name, array in group.arrays():
        counts[name] = int(array.nchunks_initialized)
        if counts[name] != array.nchunks:
            raise MachineError(
                f"{path.name}: {name} is incomplete on disk", found=f"{counts[name]} of {array.nchunks} chunks"
            )
    group.attrs[CHUNKS_ATTRIBUTE] = counts
    group.attrs[STORE_ATTRIBUTE] = store_checksums(path)


def chunk_sizes(variable: xr.Variable) -> dict[str, int]:
    """Chunk length by dim: 16 to 32 frames (more if they are small) of tiles up to 256 x 256, 1 to 8 MB unpacked.

    A forecast's reference times and realizations each have chunks of their own.
    """
    *leading, rows, columns = map(str, variable.dims)
    sizes = {str(dim): size for dim, size in variable.sizes.items()}
    along = "lead_time" if "lead_time" in leading else leading[0]
    chunks = dict.fromkeys(leading, 1) | {side: _even(sizes[side]) for side in (rows, columns)}
    frame = math.prod(chunks.values()) * variable.dtype.itemsize
    fewest, most = FRAMES
    if "channel" in chunks:
        chunks["channel"] = max(1, min(sizes["channel"], LARGEST_BYTES // (frame * fewest)))
        frame *= chunks["channel"]
    frames = most if frame * most <= LARGEST_BYTES else fewest
    while frames * frame < SMALLEST_BYTES and frames < sizes[along]:
        frames *= 2
    return chunks | {along: min(frames, sizes[along])}


def _even(size: int) -> int:
    """Length of equal tiles no longer than `SIDE`."""
    return math.ceil(size / math.ceil(size / SIDE))
