"""What an HDF5 file may not do: lead to other files, or promise more than it can hold. Looked at before it is read.

External links, external storage and virtual datasets make the HDF5 library open other files without a word (the sources
of these ways out: https://docs.hdfgroup.org/documentation/hdf5/latest/_h5_l__u_g.html).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from nowcast.errors import InputError, UnsafeError
from nowcast.readers.damage import reading

__all__ = ["SIGNATURE", "attributes", "begins_as_hdf5", "opened", "require_self_contained"]

SIGNATURE = b"\x89HDF\r\n\x1a\n"

MOST_OBJECTS = 100_000
LARGEST_CHUNK = 2**31
"""Bytes of one chunk beyond which a file is refused: the whole chunk is held in memory to read one value of it."""


def begins_as_hdf5(path: Path) -> bool:
    """Whether a regular file begins with the HDF5 signature."""
    if path.is_dir():
        return False
    with path.open("rb") as file:
        return file.read(8) == SIGNATURE


@contextlib.contextmanager
def opened(path: Path) -> Iterator[Any]:
    """The file, open for reading with h5py, once it is known to stand alone.

    Raises
    ------
    InputError
        The file is damaged.
    UnsafeError
        It leads to other files.
    """
    import h5py

    require_self_contained(path)
    with reading(str(path)), _translated(path), h5py.File(path, "r", locking=False) as file:
        yield file


def require_self_contained(path: Path) -> None:
    """Refuse a file that would make the HDF5 library open another one, or hold a chunk of more than 2 GB in memory.

    The links are looked at, never followed: no byte of another file is read.

    Raises
    ------
    InputError
        The file is damaged.
    UnsafeError
        An external link, external storage or a virtual dataset; a chunk that cannot be meant.
    """
    import h5py

    with reading(str(path)), _translated(path), h5py.File(path, "r", locking=False) as file:
        waiting = [file["/"]]
        seen = {h5py.h5o.get_info(file.id).addr}
        met = 0
        while waiting:
            group = waiting.pop()
            for name in group:
                met += 1
                if met > MOST_OBJECTS:
                    raise InputError(f"{path}: holds more than {MOST_OBJECTS:,} objects", needed="a file of fields")
                link = group.get(name, getlink=True)
                place = f"{group.name.rstrip('/')}/{name}"
                if isinstance(link, h5py.ExternalLink):
                    raise _leads_away(path, place, f"an external link to {link.filename!r}")
                if not isinstance(link, h5py.HardLink):
                    continue  # a soft link leads to a hard or external one of this file, which is met by itself
                info = h5py.h5o.get_info(group.id, name.encode())
                if info.addr in seen:
                    continue
                seen.add(info.addr)
                if info.type == h5py.h5o.TYPE_GROUP:
                    waiting.append(group[name])
                elif info.type == h5py.h5o.TYPE_DATASET:
                    _check_dataset(path, place, group[name])


def attributes(node: Any) -> dict[str, Any]:
    """Attributes of a group or dataset as plain text and numbers; single-entry arrays become the entry."""
    plain: dict[str, Any] = {}
    for name, value in node.attrs.items():
        value = np.asarray(value)
        item = value.ravel()[0] if value.size == 1 else value
        plain[str(name)] = _text(item) if isinstance(item, bytes | np.bytes_) else item
    return plain


def _text(value: bytes) -> str:
    return bytes(value).split(b"\0")[0].decode("utf-8", "replace").strip()


def _check_dataset(path: Path, place: str, dataset: Any) -> None:
    import h5py

    created = dataset.id.get_create_plist()
    layout = created.get_layout()
    if layout == h5py.h5d.VIRTUAL:
        others = [created.get_virtual_filename(i) for i in range(created.get_virtual_count())]
        outside = [name for name in others if name != "."]
        if outside:
            raise _leads_away(path, place, f"a virtual dataset of {outside[0]!r}")
    if created.get_external_count():
        raise _leads_away(path, place, f"its values in the file {_text(created.get_external(0)[0])!r}")
    if layout == h5py.h5d.CHUNKED:
        size = int(np.prod(created.get_chunk(), dtype=float)) * dataset.id.get_type().get_size()
        if size > LARGEST_CHUNK:
            raise UnsafeError(
                f"{path}: {place} is cut into chunks that no memory should hold",
                found=f"{size:,} bytes to a chunk, in a file of {path.stat().st_size:,}",
                needed=f"at most {LARGEST_CHUNK:,}",
                next_step="write it again with smaller chunks, or leave it out",
            )


def _leads_away(path: Path, place: str, what: str) -> UnsafeError:
    return UnsafeError(
        f"{path}: leads to another file, which is not opened",
        found=f"{place} is {what}" if what.startswith("a") else f"{place} has {what}",
        needed="a file that holds its own values",
        next_step="if you trust it, copy it into one file: h5repack, or xarray.open_dataset(path).to_netcdf(...)",
    )


@contextlib.contextmanager
def _translated(path: Path) -> Iterator[None]:
    """h5py's words for a damaged file are of many kinds."""
    try:
        yield
    except (KeyError, TypeError, IndexError, UnicodeDecodeError, ValueError, RuntimeError) as error:
        raise InputError(
            f"{path}: damaged, it cannot be read",
            found=str(error).splitlines()[0][:300] if str(error) else type(error).__name__,
            needed="a complete HDF5 file",
            next_step="fetch or write it again, or leave it out",
        ) from error
