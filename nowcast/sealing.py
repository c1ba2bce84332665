"""Checksums over what the formats leave unguarded, put into files and stores as they are written, checked at opening.

HDF5, TIFF and zarr guard at most the bytes of their chunks; sizes, places, coordinates and units can change unseen.
A file is sealed by lines behind its end, which HDF5 and TIFF leave alone and which other programs drop when they change
the file; a store by an attribute of its group.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from nowcast.errors import InputError

__all__ = ["STORE_ATTRIBUTE", "check_file", "check_store", "is_sealed", "seal_file", "store_checksums"]

STORE_ATTRIBUTE = "nowcast_checksum"
"""The attribute of a zarr group: a sha256 for each `zarr.json` of the store, the group's own without this attribute."""

_MAGIC = b"nowcast seal 1\r\n"
_APART = 4096
"""Zeros between the file and its seal, so that one lost block cannot take both the seal and what it vouches for."""

_LONGEST = 2**26
_BLOCK = 2**20


def seal_file(path: Path, *, guarded: Iterable[tuple[int, int]] = ()) -> None:
    """Append a sha256 of the file to it, without the `guarded` stretches (start, stop), which have checksums already.

    Raises
    ------
    OSError
        The disk is full, or the place may not be written.
    """
    end = path.stat().st_size
    seal: dict[str, Any] = {"length": end, "guarded": _merged(guarded)}
    seal["sha256"] = _file_checksum(path, seal)
    text = json.dumps(seal, separators=(",", ":")).encode()
    with path.open("ab") as file:
        file.write(bytes(_APART) + text + len(text).to_bytes(8, "big") + _MAGIC)


def check_file(path: Path) -> None:
    """Compare the file with its seal, if it has one.

    Raises
    ------
    InputError
        They differ.
    """
    size = path.stat().st_size
    tail = len(_MAGIC) + 8
    with path.open("rb") as file:
        if size < tail:
            return
        file.seek(size - tail)
        footer = file.read(tail)
        if footer[8:] != _MAGIC:
            return
        length = int.from_bytes(footer[:8], "big")
        if length > min(_LONGEST, size - tail):
            raise _damaged(path, "its seal cannot be read")
        file.seek(size - tail - length)
        text = file.read(length)
    try:
        seal = json.loads(text)
        whole = seal["length"] == size - tail - length - _APART and seal["sha256"] == _file_checksum(path, seal)
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        raise _damaged(path, "its seal cannot be read") from None
    if not whole:
        raise _damaged(path, "another checksum")


def is_sealed(path: Path) -> bool:
    """Whether a file or store carries checksums of ours, so that damage in it is always found."""
    if path.is_dir():
        try:
            attributes = json.loads((path / "zarr.json").read_bytes()).get("attributes", {})
        except (OSError, ValueError, AttributeError):
            return False
        return STORE_ATTRIBUTE in attributes
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - len(_MAGIC)))
        return file.read() == _MAGIC


def store_checksums(path: Path) -> dict[str, str]:
    """A sha256 of the content of each `zarr.json` below the path, by its place."""
    return {str(file.relative_to(path)): _json_checksum(file, root=file.parent == path) for file in _metadata(path)}


def check_store(path: Path, content: Any) -> None:
    """Compare a zarr v3 store with the checksums in the content of its `zarr.json`, if there are any.

    Where that was consolidated another program wrote it: then the attribute was only copied, and says nothing.

    Raises
    ------
    InputError
        They differ.
    """
    attributes = content.get("attributes") if isinstance(content, dict) else None
    if not isinstance(attributes, dict) or STORE_ATTRIBUTE not in attributes or "consolidated_metadata" in content:
        return
    sealed = attributes[STORE_ATTRIBUTE]
    try:
        found = store_checksums(path)
    except (ValueError, RecursionError) as error:
        raise _changed(path, str(error)) from error
    sealed = sealed if isinstance(sealed, dict) else {}
    unlike = sorted(name for name in found.keys() | sealed.keys() if found.get(name) != sealed.get(name))
    if unlike:
        missing = [name for name in unlike if name not in found]
        raise _changed(path, f"{missing[0]} is missing" if missing else f"another checksum of {', '.join(unlike[:3])}")


def _merged(stretches: Iterable[tuple[int, int]]) -> list[list[int]]:
    merged: list[list[int]] = []
    for start, stop in sorted(stretches):
        if merged and start <= merged[-1][1]:
            merged[-1][1] = max(stop, merged[-1][1])
        else:
            merged.append([start, stop])
    return merged


def _file_checksum(path: Path, seal: dict[str, Any]) -> str:
    digest = hashlib.sha256(json.dumps([seal["length"], seal["guarded"]]).encode())
    with path.open("rb") as file:
        place = 0
        for start, stop in [*seal["guarded"], [seal["length"], seal["length"]]]:
            file.seek(place)
            for block in _blocks(file, start - place):
                digest.update(block)
            place = stop
    return digest.hexdigest()


def _blocks(file: Any, length: int) -> Iterator[bytes]:
    while length > 0:
        block = file.read(min(length, _BLOCK))
        if not block:
            raise ValueError("the file is cut")
        length -= len(block)
        yield block


def _metadata(path: Path) -> Iterator[Path]:
    """Every `zarr.json`; the chunks of arrays are not looked through."""
    for folder, below, names in os.walk(path):
        if "zarr.json" in names:
            yield Path(folder) / "zarr.json"
            if Path(folder) != path and not any((Path(folder) / name / "zarr.json").is_file() for name in below):
                below.clear()


def _json_checksum(file: Path, *, root: bool) -> str:
    try:
        content = json.loads(file.read_bytes())
    except ValueError as error:
        raise ValueError(f"{file.parent.name}/{file.name} is no JSON: {error}") from error
    if root and isinstance(content, dict) and isinstance(content.get("attributes"), dict):
        content["attributes"].pop(STORE_ATTRIBUTE, None)
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _damaged(path: Path, found: str) -> InputError:
    return InputError(
        f"{path}: damaged, it is not what was written",
        found=found,
        needed="the bytes that its seal vouches for",
        next_step="fetch or write it again, or leave it out",
    )


def _changed(path: Path, found: str) -> InputError:
    return InputError(
        f"{path}: damaged or changed, its metadata are not those that were written",
        found=found,
        needed=f"what the attribute {STORE_ATTRIBUTE} of {path / 'zarr.json'} vouches for",
        next_step=f"write it again, or copy it anew; if you changed it yourself, delete {STORE_ATTRIBUTE} from it",
    )
