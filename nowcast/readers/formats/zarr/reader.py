"""Zarr stores in local folders, v2 and v3, sharded or not, consolidated or not."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import xarray as xr

from nowcast.errors import InputError
from nowcast.readers.damage import damaged, reading, told
from nowcast.readers.formats.zarr.chunks import with_chunks_counted
from nowcast.readers.formats.zarr.judging import refuse_codecs, require_inside
from nowcast.readers.formats.zarr.metadata import content_of
from nowcast.readers.lazy import AS_STORED
from nowcast.readers.options import Options
from nowcast.sealing import check_store

__all__ = ["ZarrReader", "as_stored", "careful"]

_METADATA = ("zarr.json", ".zgroup", ".zarray", ".zmetadata")


class ZarrReader:
    """Folders with zarr metadata in them. Chunks are counted, since zarr reads an absent one as fill, silently."""

    name = "zarr"

    def recognises(self, path: Path) -> bool:
        return path.is_dir() and any((path / name).is_file() for name in _METADATA)

    def open(self, path: Path, options: Options) -> xr.Dataset:
        consolidated = not any((path / name).is_file() for name in _METADATA[:3])
        from nowcast.readers.formats.zarr.stores import CarefulStore  # loads zarr

        arrays = _check_metadata(path)
        store: Any = CarefulStore(path, arrays=arrays)
        with reading(str(path)):
            try:
                dataset = as_stored(store, consolidated=consolidated)
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                raise _damaged(path, told(error)) from error
        unread = sorted({name for name, _ in arrays if name not in dataset.variables and (path / name).is_dir()})
        if unread:
            raise _damaged(path, f"arrays {', '.join(unread)} cannot be opened")
        return with_chunks_counted(path, dataset, holes=options.lenient())


def as_stored(store: Any, *, consolidated: bool) -> xr.Dataset:
    """The arrays of a store of zarr's, lazy, their numbers neither unpacked nor decoded.

    `encoding["stored"]` of a field is the array as zarr has it, for readers of many small regions: the way through
    xarray costs a tenth of a read.
    """
    import zarr

    with warnings.catch_warnings():
        # Foreign files in the folder, and v3 types without a specification, each warn at every opening.
        warnings.filterwarnings("ignore", module=r"zarr\.")
        dataset = xr.open_dataset(store, engine="zarr", consolidated=consolidated, **AS_STORED)
        for name, variable in dataset.variables.items():
            if variable.ndim > 2:
                variable.encoding["stored"] = zarr.open_array(store, path=str(name), mode="r")
            shards = variable.encoding.get("shards")
            if shards:
                variable.encoding["preferred_chunks"] = dict(zip(variable.dims, shards, strict=True))
    return dataset


def _damaged(path: Path, found: str) -> InputError:
    return damaged(
        path,
        "the zarr metadata cannot be used",
        found=found,
        needed="a zarr v2 or v3 group of arrays with named dims",
    )


def careful(path: Path) -> Any:
    """The store in a folder, for `xarray.open_zarr`: it stays within the folder, unpickles nothing, swells no further
    than it declares.

    Raises
    ------
    UnsafeError
        It would.
    """
    from nowcast.readers.formats.zarr.stores import CarefulStore  # loads zarr

    return CarefulStore(path, arrays=_check_metadata(path))


def _check_metadata(path: Path) -> list[tuple[str, dict[str, Any]]]:
    """Refuse what would unpickle or leads out, and tell the arrays, before zarr leaves out those it does not like.

    Of one array there may be several metadata, of both versions and consolidated ones: each is told, by its name.
    """
    for name in (*_METADATA, ".zattrs"):
        require_inside(path, path / name)
    kinds = {name: content_of(path / name) for name in (*_METADATA, ".zattrs") if (path / name).is_file()}
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
    arrays = []
    for key, entry in _consolidated(kinds.get(".zmetadata", {})).items():
        require_inside(path, path / key)
        arrays.append((key.rpartition("/")[0], entry))
    subgroups = []
    for folder in sorted(entry for entry in path.iterdir() if entry.is_dir()):
        told = {}
        for name in (".zarray", "zarr.json", ".zattrs", ".zgroup"):
            require_inside(path, folder / name)
            told[name] = content_of(folder / name)
        arrays += [(folder.name, told[name]) for name in (".zarray", "zarr.json")]
        if (folder / ".zgroup").is_file() or told["zarr.json"].get("node_type") == "group":
            subgroups.append(folder)
    for name, content in arrays:
        refuse_codecs(str(path / name), content)
    found = [(name, content) for name, content in arrays if "shape" in content]
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
