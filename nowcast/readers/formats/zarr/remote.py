"""Zarr stores by their address: object stores and the web, through fsspec.

As careful as with a local folder: metadata that would unpickle is refused before zarr looks at it, and a chunk that
would swell before it is decoded. The address is shown without passwords and tokens.
"""

from __future__ import annotations

import json
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import xarray as xr

from nowcast.errors import InputError, MachineError
from nowcast.readers.damage import damaged, reading
from nowcast.readers.finding import shown
from nowcast.readers.formats.zarr.judging import refuse_codecs
from nowcast.readers.formats.zarr.reader import as_stored

__all__ = ["open_remote"]

_EXTRAS = {"s3": "s3fs", "gs": "gcsfs", "gcs": "gcsfs", "az": "adlfs", "abfs": "adlfs", "http": "aiohttp"}
_EXTRAS["https"] = "aiohttp"

_ROOT = ("zarr.json", ".zmetadata", ".zgroup")
_ARRAY = ("zarr.json", ".zarray")


def open_remote(address: str) -> xr.Dataset:
    """The store as a lazy dataset of variables as they are stored; nothing but metadata is fetched.

    Raises
    ------
    InputError
        No zarr group is there, or it is damaged.
    MachineError
        A package is lacking, or the place does not answer.
    UnsafeError
        It holds pickled objects.
    """
    from nowcast.readers.formats.zarr.stores import RemoteStore  # loads zarr

    label = shown(address)
    found, consolidated = _metadata(address, label)
    for name, content in found:
        refuse_codecs(f"{label}/{name}", content)
    store = RemoteStore.judging(address, label, found)
    with reading(label):
        dataset = as_stored(store, consolidated=consolidated)
    for key, variable in dataset.variables.items():
        _count(address, str(key), variable)
    return dataset


def _files(address: str, label: str) -> tuple[Any, str]:
    """The file system that the address is of, and the place in it."""
    import fsspec

    try:
        files, place = fsspec.core.url_to_fs(address)
    except (ImportError, ValueError) as error:
        scheme = address.partition("://")[0]
        raise MachineError(
            f"{label}: nothing is installed that opens {scheme}://",
            found=str(error).splitlines()[0],
            next_step=f"pip install {_EXTRAS.get(scheme, 'an fsspec driver for ' + scheme)}",
        ) from error
    return files, place.rstrip("/")


def _metadata(address: str, label: str) -> tuple[list[tuple[str, dict[str, Any]]], bool]:
    """All metadata of arrays, listed ones and consolidated ones, by name; and whether zarr goes by the latter."""
    files, place = _files(address, label)
    top = {name: content for name in _ROOT if (content := _fetched(files, f"{place}/{name}", label)) is not None}
    if not top:
        raise InputError(
            f"{label}: no zarr store is there", found="no " + ", ".join(_ROOT), needed="the address of a zarr group"
        )
    group = top.get("zarr.json", top.get(".zgroup", {}))
    if group.get("node_type") == "array":
        raise InputError(f"{label}: a single zarr array without coordinates, not a group", next_step="give its group")
    found = []
    inside = group.get("consolidated_metadata") or {}
    for key, content in {**top.get(".zmetadata", {}).get("metadata", {}), **inside.get("metadata", {})}.items():
        name, _, kind = key.rpartition("/") if ".z" in key else (key, "", ".zarray")
        if isinstance(content, dict) and kind in _ARRAY and name:
            found.append((name, content))
    try:
        names = [PurePosixPath(entry).name for entry in files.ls(place, detail=False)]
    except (OSError, NotImplementedError, ValueError):
        names = []
    listed = [(name, kind) for name in names if name not in _ROOT for kind in _ARRAY]
    fetched = ((name, _fetched(files, f"{place}/{name}/{kind}", label)) for name, kind in listed)
    found += [(name, content) for name, content in fetched if content is not None]
    if not found:
        raise InputError(
            f"{label}: its arrays cannot be listed there, and it has no consolidated metadata",
            next_step="zarr.consolidate_metadata(store), by whoever publishes it",
        )
    return found, bool(inside) or ".zmetadata" in top


def _fetched(files: Any, place: str, label: str) -> dict[str, Any] | None:
    try:
        text = files.cat_file(place)
    except (FileNotFoundError, NotADirectoryError, KeyError):
        return None
    except PermissionError as error:
        raise MachineError(f"{label}: may not be read", found=type(error).__name__) from error
    except Exception as error:  # every driver has errors of its own for a place that does not answer
        raise MachineError(f"{label}: does not answer", found=type(error).__name__) from error
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise damaged(label, f"{PurePosixPath(place).name} is no JSON", needed="a JSON object") from error
    return content if isinstance(content, dict) else None


def _count(address: str, name: str, variable: xr.Variable) -> None:
    """Tell how many chunks are absent, where the place can list them; zarr reads an absent one as fill, silently."""
    size = variable.encoding.get("shards") or variable.encoding.get("chunks")
    if size is None or variable.ndim < 3:
        return
    files, place = _files(address, shown(address))
    total = int(np.prod([-(-length // chunk) for length, chunk in zip(variable.shape, size, strict=True)], dtype=int))
    try:
        held = [PurePosixPath(path).name for path in files.find(f"{place}/{name}")]
    except (OSError, NotImplementedError, ValueError):
        held = []
    present = len([each for each in held if each not in {"zarr.json", ".zarray", ".zattrs"}])
    if held and present < total:
        variable.encoding["absent_chunks"] = f"{total - present} of {total}"
    elif not held:
        variable.encoding["absent_chunks"] = f"unknown of {total}: they cannot be listed there"
