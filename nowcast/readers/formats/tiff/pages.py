"""The pages of a TIFF file, found by its directories alone: where each lies, and whether the file holds all of it.

TIFF 6.0, https://www.loc.gov/preservation/digital/formats/fdd/fdd000022.shtml, and BigTIFF.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from nowcast.errors import MachineError, UnsafeError
from nowcast.readers.damage import damaged
from nowcast.sealing import check_file

__all__ = ["Page", "Pages", "is_tiff", "lacking_codec", "pages_of"]

MOST_TAGS = 4096
MOST_INFLATION = 1100
"""Bytes that one stored byte can become: of deflate's largest, 1032, a little more."""

SMALL_FRAME = 2**28
"""Bytes that any page may claim: blank ones shrink to next to nothing by zstd."""

LARGEST_FRAME = 2**33
"""Bytes of a compressed frame; a header that states more is taken for a trap."""

LONGEST_SIDE = 2**22

_SIZES = {1: "u1", 3: "u2", 4: "u4", 16: "u8", 13: "u4", 18: "u8"}
_WIDTH, _LENGTH, _BITS, _COMPRESSION, _DESCRIPTION, _SAMPLES = 256, 257, 258, 259, 270, 277
_OFFSETS, _COUNTS = (324, 273), (325, 279)
_KINDS = (_WIDTH, _LENGTH, _BITS, _SAMPLES, 284, 339, 32997)
"""Width, length, bits, samples, their arrangement, their format, and depth."""


@dataclass(frozen=True)
class Page:
    """Where a page's directory and data lie, in bytes. Pages of one `kind` have the same shape and type."""

    offset: int
    kind: tuple[bytes, ...]
    nbytes: int
    compression: int
    data: int
    stored: int
    end: int
    reduced: bool


@dataclass(frozen=True)
class Pages:
    """The pages in order; `complete` if their chain ends as it should; `size` of the file in bytes."""

    path: Path
    pages: tuple[Page, ...]
    complete: bool
    size: int

    def whole(self, number: int) -> bool:
        """Whether there is such a page, and the file holds all its data."""
        return 0 <= number < len(self.pages) and self.pages[number].end <= self.size


def is_tiff(path: Path) -> bool:
    """By its first bytes: TIFF or BigTIFF, of either byte order."""
    with path.open("rb") as file:
        return file.read(4) in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def lacking_codec(path: Path, codec: str) -> MachineError:
    return MachineError(
        f"{path}: compression {codec} needs the package imagecodecs", next_step="pip install 'nowcast[microscopy]'"
    )


def pages_of(path: Path) -> Pages:
    """Walk through the directories, not the data.

    Raises
    ------
    InputError
        The first page cannot be read; or the file is sealed, and is not what was written.
    UnsafeError
        A page claims to hold more than its bytes can become.
    """
    check_file(path)
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(16)
        order = "<" if start[:2] == b"II" else ">"
        big = start[2:4] in (b"+\0", b"\0+")
        if len(start) < (16 if big else 8):
            raise damaged(path, found=f"{size} bytes")
        following = struct.unpack(f"{order}Q", start[8:16])[0] if big else struct.unpack(f"{order}I", start[4:8])[0]
        pages: list[Page] = []
        seen: set[int] = set()
        while following:
            if following in seen:
                raise damaged(
                    path, found=f"its pages lead in a circle, from page {len(pages)} back to byte {following}"
                )
            seen.add(following)
            try:
                page, following = _page(file, following, size, order, big)
            except (struct.error, ValueError, IndexError) as error:
                if not pages:
                    raise damaged(path, found=str(error)) from error
                return Pages(path, tuple(pages), False, size)
            _refuse_traps(path, page, len(pages))
            pages.append(page)
    if not pages:
        raise damaged(path, found="no pages")
    return Pages(path, tuple(pages), True, size)


def _page(file: BinaryIO, offset: int, size: int, order: str, big: bool) -> tuple[Page, int]:
    """The page whose directory lies at `offset`, and where the next one's lies."""
    head, entry = ("Q", "HHQ8s") if big else ("H", "HHI4s")
    if offset >= size:
        raise ValueError(f"a page at byte {offset} of {size}")
    file.seek(offset)
    (count,) = struct.unpack(order + head, file.read(struct.calcsize("<" + head)))
    if count > MOST_TAGS:
        raise ValueError(f"a page with {count} tags")
    length = count * struct.calcsize("<" + entry)
    block = file.read(length + (8 if big else 4))
    (following,) = struct.unpack(order + ("Q" if big else "I"), block[length:])
    tags = {code: rest for code, *rest in struct.iter_unpack(order + entry, block[:length])}

    def values(code: int) -> np.ndarray:
        if code not in tags:
            return np.zeros(0, "u8")
        kind, number, inline = tags[code]
        dtype = np.dtype(order + _SIZES[kind]) if kind in _SIZES else None
        if dtype is None:
            raise ValueError(f"tag {code} of type {kind}")
        total = number * dtype.itemsize
        if total > len(inline):
            place = int(np.frombuffer(inline, order + ("u8" if big else "u4"))[0])
            if place + total > size:
                raise ValueError(f"tag {code} lies beyond the end of the file")
            file.seek(place)
            inline = file.read(total)
        found: np.ndarray = np.frombuffer(inline[:total], dtype)
        return found

    def one(code: int, default: int) -> int:
        found = values(code)
        return int(found[0]) if len(found) else default

    if _DESCRIPTION in tags:
        _, number, inline = tags[_DESCRIPTION]
        if number > len(inline) and int(np.frombuffer(inline, order + ("u8" if big else "u4"))[0]) + number > size:
            raise ValueError("its description lies beyond the end of the file")

    offsets = next((found for code in _OFFSETS if len(found := values(code))), np.zeros(0, "u8"))
    counts = next((found for code in _COUNTS if len(found := values(code))), np.zeros(0, "u8"))
    width, rows, compression = one(_WIDTH, 0), one(_LENGTH, 0), one(_COMPRESSION, 1)
    bits = values(_BITS)
    samples = one(_SAMPLES, 1)
    if min(width, rows) < 1 or max(width, rows) > LONGEST_SIDE:
        raise ValueError(f"a page of {rows} x {width} pixels")
    declared = rows * -(-width * samples * max(1, int(bits.max()) if len(bits) else 1) // 8)
    stored = int(counts.astype(float).sum())
    ends = offsets[: len(counts)].astype(float) + counts[: len(offsets)].astype(float)
    data = int(offsets[0]) if len(offsets) else size
    end = int(ends.max()) if len(ends) else size + 1
    if compression == 1 and stored < declared:
        end, stored = data + declared, declared
    kind = tuple(values(code).tobytes() for code in _KINDS)
    reduced = bool(one(254, 0) & 1)
    return Page(offset, kind, declared, compression, data, stored, end, reduced), following


def _refuse_traps(path: Path, page: Page, number: int) -> None:
    declared = page.nbytes
    if page.compression != 1 and (
        declared > LARGEST_FRAME or declared > max(SMALL_FRAME, MOST_INFLATION * page.stored)
    ):
        raise UnsafeError(
            f"{path}: page {number} claims to be far larger than its data can be",
            found=f"{declared} bytes out of {page.stored}",
            needed=f"at most {MOST_INFLATION} times as much, and {LARGEST_FRAME} bytes",
            next_step="see where the file comes from; if it is sound, write it uncompressed and in smaller frames",
        )
