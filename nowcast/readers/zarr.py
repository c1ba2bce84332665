"""Zarr stores in local folders, v2 and v3, sharded or not, consolidated or not."""

from __future__ import annotations

import itertools
import json
import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from nowcast.errors import InputError, UnsafeError
from nowcast.readers.damage import reading
from nowcast.readers.lazy import guarded
from nowcast.readers.options import Options
from nowcast.sealing import STORE_ATTRIBUTE, check_store

__all__ = ["ZarrReader", "as_stored", "careful", "refuse_pickle", "with_chunks_counted"]

_METADATA = ("zarr.json", ".zgroup", ".zarray", ".zmetadata")

COUNTED_CHUNKS = 200_000
"""Chunks of stores that do not record their number are counted up to this many, to open in a moment."""


class ZarrReader:
    """Folders with zarr metadata in them. Chunks are counted, since zarr reads an absent one as fill, silently."""

    name = "zarr"

    def recognises(self, path: Path) -> bool:
        return path.is_dir() and any((path / name).is_file() for name in _METADATA)

    def open(self, path: Path, options: Options) -> xr.Dataset:
        consolidated = not any((path / name).is_file() for name in _METADATA[:3])
        from nowcast.readers.zarr_store import CarefulStore  # loads zarr

        arrays = _check_metadata(path)
        store: Any = CarefulStore(path, arrays=arrays)
        with reading(str(path)):
            try:
                dataset = as_stored(store, consolidated=consolidated)
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                raise _damaged(path, str(error).splitlines()[0] if str(error) else type(error).__name__) from error
        unread = [name for name in arrays if name not in dataset.variables]
        if unread:
            raise _damaged(path, f"arrays {', '.join(unread)} cannot be opened")
        return with_chunks_counted(path, dataset, holes=options.missing == "nan")


def as_stored(store: Any, *, consolidated: bool) -> xr.Dataset:
    """The arrays of a store of zarr's, lazy, their numbers neither unpacked nor decoded.

    `encoding["stored"]` of a field is the array as zarr has it, for readers of many small regions: the way through
    xarray costs a tenth of a read.
    """
    import zarr

    with warnings.catch_warnings():
        # Foreign files in the folder, and v3 types without a specification, each warn at every opening.
        warnings.filterwarnings("ignore", module=r"zarr\.")
        dataset = xr.open_dataset(
            store,
            engine="zarr",
            chunks=None,
            cache=False,
            consolidated=consolidated,
            mask_and_scale=False,
            decode_times=False,
            decode_timedelta=False,
            decode_coords=False,
        )
        for name, variable in dataset.variables.items():
            if variable.ndim > 2:
                variable.encoding["stored"] = zarr.open_array(store, path=str(name), mode="r")
            shards = variable.encoding.get("shards")
            if shards:
                variable.encoding["preferred_chunks"] = dict(zip(variable.dims, shards, strict=True))
    return dataset


def _damaged(path: Path, found: str) -> InputError:
    return InputError(
        f"{path}: damaged, the zarr metadata cannot be used",
        found=found,
        needed="a zarr v2 or v3 group of arrays with named dims",
        next_step="write it again, or leave it out",
    )


def _load(file: Path) -> dict[str, Any]:
    with reading(str(file)):
        text = file.read_bytes()
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _damaged(file, f"no JSON: {error}") from error
    if not isinstance(content, dict):
        raise _damaged(file, f"JSON that is a {type(content).__name__}, not an object")
    return content


def careful(path: Path) -> Any:
    """The store in a folder, for `xarray.open_zarr`: it stays within the folder, unpickles nothing, swells no further
    than it declares.

    Raises
    ------
    UnsafeError
        It would.
    """
    from nowcast.readers.zarr_store import CarefulStore  # loads zarr

    return CarefulStore(path, arrays=_check_metadata(path))


def _check_metadata(path: Path) -> dict[str, dict[str, Any]]:
    """Refuse what would unpickle or leads out, and tell the arrays, before zarr leaves out those it does not like."""
    from nowcast.readers.zarr_store import codec_names, require_inside

    for name in (*_METADATA, ".zattrs"):
        require_inside(path, path / name)
    kinds = {name: _load(path / name) for name in (*_METADATA, ".zattrs") if (path / name).is_file()}
    group = kinds.get("zarr.json", {}).get("node_type") != "array" and ".zarray" not in kinds
    if not group:
        parent = path.parent
        whole = ZarrReader().recognises(parent)
        raise InputError(
            f"{path}: a single zarr array without coordinates, not a group",
            needed="a zarr group that holds the variable and its coordinates",
            next_step=f"give the group: {parent} --variable {path.name}" if whole else "write it with xarray's to_zarr",
        )
    check_store(path, kinds.get("zarr.json"))
    arrays: dict[str, dict[str, Any]] = {}
    for key, entry in _consolidated(kinds.get(".zmetadata", {})).items():
        require_inside(path, path / key)
        refuse_pickle(str(path), codec_names(entry))
    subgroups = []
    for folder in sorted(entry for entry in path.iterdir() if entry.is_dir()):
        for name in (".zarray", "zarr.json", ".zattrs", ".zgroup"):
            require_inside(path, folder / name)
            if (folder / name).is_file():
                arrays[str(folder)] = {**arrays.get(str(folder), {}), **_load(folder / name)}
        if (folder / ".zgroup").is_file() or arrays.get(str(folder), {}).get("node_type") == "group":
            subgroups.append(folder)
    for place, content in arrays.items():
        refuse_pickle(place, codec_names(content))
    found = {Path(place).name: content for place, content in arrays.items() if "shape" in content}
    if not found and subgroups:
        raise InputError(
            f"{path}: this zarr group holds only groups",
            found=", ".join(folder.name for folder in subgroups),
            needed="one group with the variables in it",
            next_step=f"give one of them: {subgroups[0]}",
        )
    return found


def _consolidated(content: dict[str, Any]) -> dict[str, dict[str, Any]]:
    entries = content.get("metadata", {})
    entries = entries if isinstance(entries, dict) else {}
    return {str(key): entry for key, entry in entries.items() if isinstance(entry, dict)}


def refuse_pickle(place: str, names: list[str]) -> None:
    if any("pickle" in name for name in names):
        raise UnsafeError(
            f"{place}: holds pickled Python objects, which can run any program when read",
            found=f"filters {', '.join(names)}",
            needed="numbers",
            next_step="ask its author for a store without object arrays",
        )


def with_chunks_counted(path: Path, dataset: xr.Dataset, *, holes: bool) -> xr.Dataset:
    """The dataset, knowing how many chunks it lacks; with `holes`, what they would hold is missing."""
    dataset.attrs.pop(STORE_ATTRIBUTE, None)
    recorded = dataset.attrs.pop("nowcast_chunks", None)
    whole = path / "zarr.json"
    if (path / ".zmetadata").is_file() or (whole.is_file() and "consolidated_metadata" in _load(whole)):
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
            raise InputError(
                f"{path}: damaged, {int(needed) - present} of {needed} chunks of variable {name!r} are missing"
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
