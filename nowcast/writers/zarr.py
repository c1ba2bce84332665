"""A CF dataset to a zarr v3 store, cut for reading windows: zstd, and a checksum on every chunk."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import xarray as xr

from nowcast.errors import InputError, MachineError
from nowcast.sealing import STORE_ATTRIBUTE, store_checksums

__all__ = ["CHUNKS_ATTRIBUTE", "encoded", "finish", "write"]

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
    # chunks that hold the fill value alone are written too: then a missing object is always damage
    encoded(dataset).to_zarr(path, mode="w-", zarr_format=3, consolidated=False, write_empty_chunks=True)
    finish(path)


def encoded(
    dataset: xr.Dataset, *, chunks: Mapping[str, int] | None = None, shards: Mapping[str, int] | None = None
) -> xr.Dataset:
    """The dataset with codecs and chunks; of the field, dims named in `chunks` and `shards` are cut as they say."""
    from zarr.codecs import Crc32cCodec, ZstdCodec

    dataset = dataset.copy()
    for name, variable in dataset.variables.items():
        variable.encoding["compressors"] = (ZstdCodec(level=3), Crc32cCodec())
        sizes = {str(dim): size for dim, size in variable.sizes.items()}
        if variable.ndim >= 3:
            sizes = _sizes(variable, chunk_sizes(variable), chunks, "chunks")
            whole = sizes
            if shards is not None:
                whole = _sizes(variable, sizes, shards, "shards")
                whole = {dim: -(-size // sizes[dim]) * sizes[dim] for dim, size in whole.items()}
                variable.encoding["shards"] = tuple(whole.values())
            dataset[name].variable.data = variable.chunk(whole).data
        if variable.ndim:
            variable.encoding["chunks"] = tuple(sizes.values())
    return dataset


def finish(path: Path) -> None:
    """Count the chunks of a store that is written, write their numbers into it, and seal its metadata.

    Raises
    ------
    MachineError
        Some are not there.
    """
    import zarr

    group = zarr.open_group(path, mode="r+")
    counts: dict[str, Any] = {}
    for name, array in group.arrays():
        whole = array.shards or array.chunks
        needed = math.prod(-(-length // size) for length, size in zip(array.shape, whole, strict=True))
        stored = sum(1 for file in (path / name / "c").rglob("*") if file.is_file()) if array.ndim else 1
        counts[name] = needed
        if stored != needed:
            raise MachineError(f"{path.name}: {name} is incomplete on disk", found=f"{stored} of {needed} chunks")
    group.attrs[CHUNKS_ATTRIBUTE] = counts
    group.attrs[STORE_ATTRIBUTE] = store_checksums(path)


def _sizes(variable: xr.Variable, found: dict[str, int], asked: Mapping[str, int] | None, what: str) -> dict[str, int]:
    unknown = sorted(set(asked or {}) - set(map(str, variable.dims)))
    if unknown:
        raise InputError(
            f"--{what}: no dim {unknown[0]!r}", found=", ".join(map(str, variable.dims)), next_step=f"--{what} time=16"
        )
    return {dim: min((asked or {}).get(dim, size), variable.sizes[dim]) for dim, size in found.items()}


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
