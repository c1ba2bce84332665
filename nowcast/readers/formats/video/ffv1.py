"""The checksums in FFV1 frames (RFC 9043, 4.9), which libav computes and, where they fail, passes over."""

from __future__ import annotations

import zlib

__all__ = ["checksums_hold"]

FOOTER_BYTES = 8
"""Behind each slice: its size in three bytes, its status in one, its CRC-32 in four."""

_MIRRORED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
_ONES = 0xFFFFFFFF


def checksums_hold(frame: bytes) -> bool:
    """Whether the coded frame is a chain of slices whose checksums all fit; never where it was coded without."""
    stop = len(frame)
    while stop >= FOOTER_BYTES:
        start = stop - FOOTER_BYTES - int.from_bytes(frame[stop - 8 : stop - 5], "big")
        if start < 0 or not _is_whole(frame[start:stop]):
            return False
        stop = start
    return stop == 0 and bool(frame)


def _is_whole(piece: bytes) -> bool:
    """Whether the CRC-32 of a slice with its own CRC is 0; bits the other way round than zlib's, and begun with 0."""
    return zlib.crc32(piece.translate(_MIRRORED), _ONES) == _ONES
