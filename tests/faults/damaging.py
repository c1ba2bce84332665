"""Damage to files and stores, each kind by a seeded generator: the same seed, the same damage."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

__all__ = ["FILE_KINDS", "STORE_KINDS", "damage", "kinds_for"]

HEADER = 4096
METADATA = ("zarr.json", ".zarray", ".zattrs", ".zgroup", ".zmetadata")
NUMBERS = (0, 1, 2, 255, 65535, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**64 - 1)


def damage(path: Path, kind: str, seed: int) -> str:
    """Damage the file or store in place; a few words on where, for the record."""
    random = Random(seed)
    if path.is_dir():
        return STORE_KINDS[kind](path, random)
    data = bytearray(path.read_bytes())
    changed, where = FILE_KINDS[kind](data, random)
    path.write_bytes(changed)
    return where


def kinds_for(path: Path) -> list[str]:
    """The kinds of damage that make sense for it."""
    if path.is_dir():
        return list(STORE_KINDS)
    text = "xml text" if b"<OME" in path.read_bytes()[:2_000_000] else None
    return [kind for kind in FILE_KINDS if kind != "xml text" or text]


Bytes = tuple[bytes | bytearray, str]


def _truncated(data: bytearray, random: Random) -> Bytes:
    stop = random.choice([random.randrange(len(data)), random.randrange(min(HEADER, len(data))), len(data) - 1])
    return data[:stop], f"cut to {stop} of {len(data)}"


def _flipped(data: bytearray, random: Random, limit: int | None = None) -> Bytes:
    place = random.randrange(min(limit or len(data), len(data)))
    bit = random.randrange(8)
    data[place] ^= 1 << bit
    return data, f"bit {bit} of byte {place}"


def _flipped_header(data: bytearray, random: Random) -> Bytes:
    return _flipped(data, random, HEADER)


def _garbled(data: bytearray, random: Random, limit: int | None = None) -> Bytes:
    place = random.randrange(min(limit or len(data), len(data)))
    stop = min(place + 16, len(data))
    data[place:stop] = random.randbytes(stop - place)
    return data, f"16 bytes at {place}"


def _garbled_header(data: bytearray, random: Random) -> Bytes:
    return _garbled(data, random, HEADER)


def _zeroed(data: bytearray, random: Random) -> Bytes:
    size = random.choice([64, 512, 4096])
    place = random.randrange(len(data)) // size * size
    stop = min(place + size, len(data))
    data[place:stop] = bytes(stop - place)
    return data, f"{stop - place} zeros at {place}"


def _number_changed(data: bytearray, random: Random) -> Bytes:
    """A number of the header becomes another: what a lying size looks like."""
    width = random.choice([1, 2, 4, 8])
    place = random.randrange(max(1, min(HEADER, len(data)) - width))
    value = random.choice([*NUMBERS, random.randrange(2**32)]) % 256**width
    data[place : place + width] = value.to_bytes(width, random.choice(["little", "big"]))
    return data, f"{width} bytes at {place} are {value}"


def _words_swapped(data: bytearray, random: Random) -> Bytes:
    width = random.choice([2, 4, 8])
    top = max(1, min(HEADER, len(data)) // width - 1)
    one, two = (random.randrange(top) * width for _ in range(2))
    data[one : one + width], data[two : two + width] = data[two : two + width], data[one : one + width]
    return data, f"{width} bytes at {one} and {two} swapped"


def _tail_doubled(data: bytearray, random: Random) -> Bytes:
    size = random.randrange(1, min(len(data), 100_000))
    return data + data[-size:], f"the last {size} bytes twice"


def _emptied(data: bytearray, random: Random) -> Bytes:
    return b"", "emptied"


def _xml_changed(data: bytearray, random: Random) -> Bytes:
    """A digit or a letter within the XML of the file becomes another."""
    start = data.find(b"<OME")
    stop = data.find(b"</OME>", start)
    places = [found.start() for found in re.finditer(rb'[0-9A-Za-z"<>/=]', bytes(data[start:stop]))]
    place = start + random.choice(places)
    data[place] = random.choice(b"0123456789aZ\"<>&/='\x00\xff")
    return data, f"byte {place} of the XML"


FILE_KINDS: dict[str, Callable[[bytearray, Random], Bytes]] = {
    "cut": _truncated,
    "bit flipped": _flipped,
    "bit flipped in the header": _flipped_header,
    "garbled": _garbled,
    "garbled in the header": _garbled_header,
    "block zeroed": _zeroed,
    "number of the header": _number_changed,
    "words swapped": _words_swapped,
    "tail doubled": _tail_doubled,
    "emptied": _emptied,
    "xml text": _xml_changed,
}


def _files(store: Path) -> tuple[list[Path], list[Path]]:
    files = sorted(path for path in store.rglob("*") if path.is_file())
    metadata = [path for path in files if path.name in METADATA]
    return metadata, [path for path in files if path.name not in METADATA]


def _within(kind: str, *, of_metadata: bool) -> Callable[[Path, Random], str]:
    def damaged(store: Path, random: Random) -> str:
        path = random.choice(_files(store)[0 if of_metadata else 1])
        data = bytearray(path.read_bytes())
        if not data:
            path.unlink()
            return f"{path.relative_to(store)} deleted"
        changed, where = FILE_KINDS[kind](data, random)
        path.write_bytes(changed)
        return f"{path.relative_to(store)}: {where}"

    return damaged


def _deleted(store: Path, random: Random, *, of_metadata: bool) -> str:
    path = random.choice(_files(store)[0 if of_metadata else 1])
    path.unlink()
    return f"{path.relative_to(store)} deleted"


def _folder_deleted(store: Path, random: Random) -> str:
    folder = random.choice(sorted(path for path in store.rglob("*") if path.is_dir()))
    shutil.rmtree(folder)
    return f"{folder.relative_to(store)}/ deleted"


def _json_changed(store: Path, random: Random) -> str:
    """A leaf of the metadata becomes another value, or is left out."""
    path = random.choice(_files(store)[0])
    content = json.loads(path.read_text())
    places: list[tuple[Any, Any]] = []

    def walk(node: Any) -> None:
        for key in list(node) if isinstance(node, dict) else range(len(node)):
            places.append((node, key))
            if isinstance(node[key], (dict, list)):
                walk(node[key])

    walk(content)
    if not places:
        path.write_text("[]")
        return f"{path.relative_to(store)}: a list"
    node, key = random.choice(places)
    old = node[key]
    if random.random() < 0.2:
        del node[key]
        told = f"{key!r} left out"
    else:
        node[key] = _other(old, random)
        told = f"{key!r}: {str(old)[:40]!r} became {str(node[key])[:40]!r}"
    path.write_text(json.dumps(content))
    return f"{path.relative_to(store)}: {told}"


def _other(old: Any, random: Random) -> Any:
    foreign: list[Any] = [None, True, -1, 0, 10**6, 1.5, "", "x", [], {}, [0], "../..", "\u202e\x1b[31m", 2**63]
    if isinstance(old, bool):
        return random.choice([not old, *foreign])
    if isinstance(old, (int, float)):
        return random.choice([old + 1, old - 1, old * 2, -old, old * 1000, *foreign])
    if isinstance(old, str) and old:
        place = random.randrange(len(old))
        return random.choice([old[:place] + random.choice("aZ0/<") + old[place + 1 :], old[:-1], *foreign])
    if isinstance(old, list) and old:
        return random.choice([old[:-1], [*old, old[-1]], old[::-1], *foreign])
    return random.choice(foreign)


STORE_KINDS: dict[str, Callable[[Path, Random], str]] = {
    "chunk deleted": lambda store, random: _deleted(store, random, of_metadata=False),
    "metadata deleted": lambda store, random: _deleted(store, random, of_metadata=True),
    "folder deleted": _folder_deleted,
    "metadata changed": _json_changed,
    **{
        f"{kind}, {what}": _within(kind, of_metadata=what == "metadata")
        for what, kinds in {
            "chunk": (
                "cut",
                "bit flipped",
                "garbled",
                "block zeroed",
                "number of the header",
                "tail doubled",
                "emptied",
            ),
            "metadata": ("cut", "bit flipped", "garbled", "block zeroed", "tail doubled", "emptied"),
        }.items()
        for kind in kinds
    },
}
