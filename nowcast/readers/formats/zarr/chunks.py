"""Chunks that a store lacks, counted as it is opened: zarr reads an absent one as fill, silently."""

from __future__ import annotations

import itertools
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from nowcast.readers.damage import damaged
from nowcast.readers.formats.zarr.metadata import content_of
from nowcast.readers.lazy import guarded
from nowcast.sealing import STORE_ATTRIBUTE

__all__ = ["with_chunks_counted"]

COUNTED_CHUNKS = 200_000
"""Chunks of stores that do not record their number are counted up to this many, to open in a moment."""


def with_chunks_counted(path: Path, dataset: xr.Dataset, *, holes: bool) -> xr.Dataset:
    """The dataset, knowing how many chunks it lacks; with `holes`, what they would hold is missing."""
    dataset.attrs.pop(STORE_ATTRIBUTE, None)
    recorded = dataset.attrs.pop("nowcast_chunks", None)
    whole = path / "zarr.json"
    if (path / ".zmetadata").is_file() or (whole.is_file() and "consolidated_metadata" in content_of(whole)):
        recorded = None  # another program wrote the store and copied the attribute with all the others
    if isinstance(recorded, str):
        recorded = _parsed(recorded)
    recorded = recorded if isinstance(recorded, dict) else {}
    for name, variable in list(dataset.variables.items()):
        size = variable.encoding.get("shards") or variable.encoding.get("chunks")
        if size is None or 0 in variable.shape:
            continue
        grid = tuple(-(-length // chunk) for length, chunk in zip(variable.shape, size, strict=True))
        total = int(np.prod(grid, dtype=int))
        needed = recorded.get(str(name))
        if needed is None and (variable.ndim < 2 or total > COUNTED_CHUNKS):
            continue
        present = _chunk_files(path / str(name))
        if needed is None:
            needed, told = total, present < total
        else:
            told = holes and variable.ndim > 2 and present < int(needed)
        if told:
            variable.encoding["absent_chunks"] = f"{int(needed) - present} of {needed}"
            if holes and variable.ndim > 2:
                variable.encoding["absent_chunks"] += ", read as missing"
                dataset[name] = _with_holes(path / str(name), variable, size, grid)
        elif present < int(needed):
            example = _first_absent(path, str(name), grid) if int(needed) == total else None
            raise damaged(
                path,
                f"{int(needed) - present} of {needed} chunks of variable {name!r} are missing"
                + (f", e.g. {example}" if example else ""),
                found=f"{present} chunks",
                needed=f"{needed} chunks, as the store itself records",
                next_step="write or copy it again, or read what is there, the rest as missing: --missing nan",
            )
    return dataset


def _with_holes(folder: Path, variable: xr.Variable, size: tuple[int, ...], grid: tuple[int, ...]) -> xr.Variable:
    """The variable with its fill code, or NaN, where chunks are absent."""
    import zarr

    key_of = zarr.open_array(str(folder), mode="r").metadata.encode_chunk_key
    absent = np.array([not (folder / key_of(place)).is_file() for place in np.ndindex(grid)]).reshape(grid)
    code = variable.attrs.get("_FillValue")
    sizes = dict(zip(map(str, variable.dims), size, strict=True))
    chunked = guarded(variable, sizes, name=folder.name, label=str(folder.parent))
    dtype = variable.dtype if code is not None else np.result_type(variable.dtype, np.float32)

    def filled(block: np.ndarray, block_info: Any = None) -> np.ndarray:
        if block_info is not None and absent[tuple(block_info[0]["chunk-location"])]:
            return np.full(block.shape, np.nan if code is None else code, dtype)
        return block.astype(dtype, copy=False)

    data = chunked.data.map_blocks(filled, dtype=dtype, meta=np.empty((0,) * variable.ndim, dtype))
    return xr.Variable(variable.dims, data, variable.attrs, variable.encoding)


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _chunk_files(folder: Path) -> int:
    hidden = {"zarr.json", ".zarray", ".zattrs"}
    return sum(len([name for name in names if name not in hidden]) for _, _, names in os.walk(folder))


def _first_absent(path: Path, name: str, grid: tuple[int, ...]) -> str | None:
    import zarr

    array = zarr.open_array(str(path / name), mode="r")
    for place in itertools.product(*map(range, grid)):
        key = array.metadata.encode_chunk_key(place)
        if not (path / name / key).is_file():
            return key
    return None
