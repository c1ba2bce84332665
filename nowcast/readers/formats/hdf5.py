"""HDF5 files opened only if they lead to no other file and declare nothing absurd; looked through without following.

External links, external storage and virtual datasets name files of the reader's machine, and the HDF5 and NetCDF
libraries open them without a word (Keras CVE-2026-1669). Format: https://support.hdfgroup.org/documentation/hdf5/latest/
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from nowcast.errors import NowcastError, UnsafeError
from nowcast.readers.damage import damaged, reading, told

__all__ = ["MOST_AT_ONCE", "attributes", "check_safe", "is_hdf5", "numbered", "opened", "top_of"]

SIGNATURE = b"\x89HDF\r\n\x1a\n"

MOST_AT_ONCE = 256 * 2**20
"""A chunk (a frame, where there are no chunks) of more bytes is refused in a file that could not hold it deflated."""

_DEFLATE_RATIO = 1032
_MOST_LINKS = 100_000
_DEEPEST = 64


def is_hdf5(path: Path) -> bool:
    """Whether HDF5's signature is at the start, or behind a user block of 512, 1024, ... bytes."""
    with path.open("rb") as file:
        size, offset = os.fstat(file.fileno()).st_size, 0
        while offset + len(SIGNATURE) <= size:
            file.seek(offset)
            if file.read(len(SIGNATURE)) == SIGNATURE:
                return True
            offset = max(512, offset * 2)
    return False


def top_of(path: Path) -> tuple[str, set[str]]:
    """The attribute `Conventions` and the names of what lies at the top (not links elsewhere); empty if it is no HDF5.

    For recognising a layout: cheap, and never raises for what the file holds.
    """
    if not is_hdf5(path):
        return "", set()
    import h5py

    names: set[str] = set()
    try:
        with h5py.File(path, "r", locking=False) as file:
            file.id.links.iterate(
                lambda name, info: names.add(_shown(name)) if info.type == h5py.h5l.TYPE_HARD else None, info=True
            )
            conventions = _plain(file.attrs.get("Conventions", ""))
            return conventions if isinstance(conventions, str) else "", names
    except (OSError, RuntimeError, ValueError, KeyError, TypeError, NowcastError):
        return "", set()


def check_safe(path: Path) -> None:
    """Refuse a file that leads to other files, or declares chunks far beyond its size. Nothing is followed or read.

    Raises
    ------
    InputError
        Damaged.
    UnsafeError
        External links, external storage, virtual datasets of other files; absurd chunks, depth or number of objects.
    """
    with opened(path):
        pass


@contextlib.contextmanager
def opened(path: Path) -> Iterator[Any]:
    """A file that `check_safe` lets pass, as `h5py.File`; within, errors of what it holds are errors of damage."""
    import h5py

    with reading(str(path)):
        try:
            with h5py.File(path, "r", locking=False) as file:
                _Walk(path, path.stat().st_size).through(file.id)
                yield file
        except (KeyError, IndexError, TypeError, AttributeError, ArithmeticError, ValueError, RuntimeError) as error:
            raise damaged(
                path, "its HDF5 structure cannot be read", found=f"{type(error).__name__}: {told(error)}"
            ) from error


@dataclass
class _Walk:
    """Every object once by its address; a group's links are judged by kind before any of them is resolved."""

    path: Path
    size: int
    links: int = 0
    seen: set[int] = field(default_factory=set)

    def through(self, root: Any) -> None:
        import h5py

        waiting = [(root, "", 0)]
        while waiting:
            group, place, depth = waiting.pop()
            for name, address in self._within(group, place):
                if address in self.seen:
                    continue
                self.seen.add(address)
                child, opened_child = f"{place}/{_shown(name)}", h5py.h5o.open(group, name)
                if isinstance(opened_child, h5py.h5d.DatasetID):
                    self._dataset(opened_child, child)
                elif isinstance(opened_child, h5py.h5g.GroupID):
                    if depth == _DEEPEST:
                        raise self._unsafe("groups within groups within groups", child, f"{_DEEPEST} deep at most")
                    waiting.append((opened_child, child, depth + 1))

    def _within(self, group: Any, place: str) -> list[tuple[bytes, int]]:
        """Names and addresses of a group's hard links; a soft one leads to another of the file's, met by itself."""
        import h5py

        found: list[tuple[bytes, int, int]] = []
        room = _MOST_LINKS - self.links

        def noted(name: bytes, info: Any) -> bool | None:
            found.append((name, info.type, info.u))
            return True if len(found) > room else None

        group.links.iterate(noted, info=True)
        if len(found) > room:
            raise self._unsafe("more objects than are looked through", f"over {_MOST_LINKS}", f"{_MOST_LINKS} at most")
        self.links += len(found)
        for name, kind, _ in found:
            child = f"{place}/{_shown(name)}"
            if kind == h5py.h5l.TYPE_EXTERNAL:
                raise self._foreign(f"{child} is an external link", group.links.get_val(name))
            if kind not in (h5py.h5l.TYPE_HARD, h5py.h5l.TYPE_SOFT):
                raise self._foreign(f"{child} is a link of a kind of its own", (f"kind {kind}",))
            if b"/" in name:  # a lookup would take it for a path, through who knows which links
                raise self._unsafe(f"a link with a slash in its name, {child}", repr(_shown(name)), "plain names")
        return [(name, address) for name, kind, address in found if kind == h5py.h5l.TYPE_HARD]

    def _dataset(self, dataset: Any, place: str) -> None:
        """Its creation properties first: to ask a virtual dataset for its shape may open its sources."""
        import h5py

        made = dataset.get_create_plist()
        if made.get_external_count():
            raise self._foreign(f"the values of {place} lie in another file", made.get_external(0)[:1])
        layout = made.get_layout()
        if layout == h5py.h5d.VIRTUAL:
            for source in range(made.get_virtual_count()):
                named = made.get_virtual_filename(source)
                if named != ".":
                    raise self._foreign(f"{place} is a virtual dataset of another file", (named,))
        shape, item = dataset.shape or (), dataset.get_type().get_size()
        if layout == h5py.h5d.CHUNKED:
            at_once = prod(made.get_chunk()) * item
            at_once = max(at_once, prod(shape) * item) if len(shape) == 1 else at_once  # coordinates are read whole
        else:
            at_once = prod(shape[-2:]) * item
        if at_once > max(MOST_AT_ONCE, _DEFLATE_RATIO * self.size):
            raise self._unsafe(
                f"{place} declares more than the file can hold",
                f"{at_once} bytes to read at once, in a file of {self.size} bytes",
                f"{MOST_AT_ONCE} bytes at most, or {_DEFLATE_RATIO} times the file's size",
            )

    def _unsafe(self, what: str, found: str, needed: str) -> UnsafeError:
        return UnsafeError(
            f"{self.path}: {what}",
            found=found,
            needed=needed,
            next_step="leave it out, or ask its author for a new one",
        )

    def _foreign(self, what: str, named: tuple[Any, ...]) -> UnsafeError:
        return UnsafeError(
            f"{self.path}: {what}; other files are not opened",
            found=" ".join(repr(_shown(part)) for part in named),
            needed="a file that holds its own values",
            next_step="ask its author for one file that holds all, or copy the values into one where you trust them",
        )


def _shown(name: Any) -> str:
    words = name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name)
    words = "".join(sign if sign.isprintable() else "?" for sign in words)
    return words if len(words) <= 200 else words[:197] + "..."


def attributes(holder: Any) -> dict[str, Any]:
    """Attributes of a group or dataset as plain text and numbers; those of a single entry are that entry."""
    return {str(name): _plain(value) for name, value in holder.attrs.items()}


def _plain(value: Any) -> Any:
    single = np.asarray(value).ravel()
    found = single[0] if single.size == 1 else value
    found = bytes(found).decode("utf-8", "replace") if isinstance(found, bytes) else found
    return str(found).strip("\0 ") if isinstance(found, str) else found


def numbered(group: Any, stem: str) -> list[str]:
    """The names in a group that are the stem and a number, in the order of the numbers."""
    names = [str(name) for name in group if re.fullmatch(rf"{stem}\d+", name)]
    return sorted(names, key=lambda name: int(name.removeprefix(stem)))
