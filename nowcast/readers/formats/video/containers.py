"""Containers of video: which one a file is by its first bytes, and how long it says that it is.

AVI: RIFF chunks with OpenDML's further ones. MP4 and MOV: boxes of ISO/IEC 14496-12. MKV and WebM: EBML, RFC 8794.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO

__all__ = ["container_of", "stated_bytes"]

_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")
_STILL = (b"heic", b"heix", b"heim", b"heis", b"mif1", b"avif")
_EBML, _SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"


def container_of(path: Path) -> str | None:
    """The container's name as libav knows its demuxer: `avi`, `mov` (MP4 too) or `matroska` (WebM too); else None."""
    with path.open("rb") as file:
        start = file.read(16)
    if start[:4] == b"RIFF" and start[8:12] == b"AVI ":
        return "avi"
    if start[:4] == _EBML:
        return "matroska"
    length = int.from_bytes(start[:4], "big")
    boxed = start[4:8] in _BOXES and (length == 1 or length >= 8)
    return "mov" if boxed and start[8:12] not in _STILL else None


def stated_bytes(path: Path, container: str) -> int | None:
    """The length that the file's outermost structures add up to, in bytes; None where they leave it open."""
    size = path.stat().st_size
    with path.open("rb") as file:
        try:
            return {"avi": _riff, "mov": _boxes, "matroska": _ebml}[container](file, size)
        except (struct.error, OverflowError):
            return None


def _riff(file: BinaryIO, size: int) -> int | None:
    stop = 0
    while stop + 12 <= size:
        file.seek(stop)
        name, length, kind = struct.unpack("<4sI4s", file.read(12))
        if name != b"RIFF" or kind not in (b"AVI ", b"AVIX"):
            break
        if length in (0, 0xFFFFFFFF):
            return None
        stop += 8 + length + length % 2
    return stop


def _boxes(file: BinaryIO, size: int) -> int | None:
    stop = 0
    while stop + 8 <= size:
        file.seek(stop)
        length, name = struct.unpack(">I4s", file.read(8))
        if length == 1:
            (length,) = struct.unpack(">Q", file.read(8))
        if length == 0 or not name.isascii():
            return None
        if length < 8:
            return None
        stop += length
    return stop


def _ebml(file: BinaryIO, size: int) -> int | None:
    stop = 0
    while stop + 5 <= size:
        file.seek(stop)
        name = file.read(4)
        if name not in (_EBML, _SEGMENT):
            break
        length = _vint(file)
        if length is None:
            return None
        stop = file.tell() + length
    return stop


def _vint(file: BinaryIO) -> int | None:
    """A length of EBML: the leading zero bits of the first byte tell how many bytes follow; all ones: unknown."""
    first = file.read(1)
    if not first or first == b"\x00":
        return None
    more = 8 - first[0].bit_length()
    value = int.from_bytes(bytes([first[0] & (0x7F >> more)]) + file.read(more), "big")
    return None if value == (1 << (7 * (more + 1))) - 1 else value
