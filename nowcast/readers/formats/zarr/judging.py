"""What no zarr store may do: lead out of its folder, unpickle, or swell when it is decoded.

A chunk is judged by its own header before zarr decodes it: 32 KB can be a gigabyte. Formats of the headers:
zstd RFC 8878, Blosc https://github.com/Blosc/c-blosc/blob/main/README_CHUNK_FORMAT.rst, DEFLATE RFC 1951.
"""

from __future__ import annotations

import asyncio
import bz2
import lzma
import os
import zlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nowcast.errors import InputError, UnsafeError

if TYPE_CHECKING:
    from zarr.core.buffer import Buffer

__all__ = ["Judge", "codec_names", "refuse_codecs", "require_inside"]

SWELLING = 2
SPARE_BYTES = 2**26
"""A chunk may decode to so many times the bytes that its array declares for it, and so many more."""

_METADATA = ("zarr.json", ".zarray", ".zattrs", ".zgroup", ".zmetadata")
_ZSTD_BLOCK = 2**17
_DEFLATE_RATIO = 1032
_PIECE = 2**22


def require_inside(root: Path, place: Path) -> None:
    """Refuse a place that links, or a name with `..`, take out of the folder.

    Raises
    ------
    UnsafeError
        It leads out.
    """
    home, found = os.path.realpath(root), os.path.realpath(place)
    if found != home and not found.startswith(home + os.sep):
        raise UnsafeError(
            f"{root}: {os.path.relpath(place, root)} leads out of the store",
            found=f"a link or path to {found}",
            needed="files within the store",
            next_step="if you trust it: copy the store with its links followed, cp -rL",
        )


def refuse_codecs(place: str, content: Mapping[str, Any]) -> None:
    """Refuse what the metadata of an array say of its codecs.

    Raises
    ------
    UnsafeError
        They unpickle; or they pack twice, so that what is within could not be judged.
    """
    names = codec_names(content)
    packed = [name for name in names if name in _BOUNDS]
    if len(packed) > 1:
        raise UnsafeError(
            f"{place}: packed twice, which hides how large it becomes",
            found=", ".join(packed),
            needed="one compression",
            next_step="ask its author for a store that is packed once",
        )
    if any("pickle" in name for name in names):
        raise UnsafeError(
            f"{place}: holds pickled Python objects, which can run any program when read",
            found=f"filters {', '.join(names)}",
            needed="numbers",
            next_step="ask its author for a store without object arrays",
        )


class Judge:
    """Refuses chunks that would decode to far more than their arrays declare.

    Parameters
    ----------
    label
        The store, for messages.
    arrays
        The names of arrays in the store and their metadata; all that are there, since zarr may believe any of them.
    """

    def __init__(self, label: str, arrays: Iterable[tuple[str, Mapping[str, Any]]]) -> None:
        self._label = label
        self._rules: dict[str, set[tuple[str, int]]] = {}
        for name, content in arrays:
            codec = _codec(content)
            if codec:
                self._rules.setdefault(name, set()).add((codec, _limit(content)))

    async def __call__(self, key: str, given: Buffer | None) -> Buffer | None:
        """What was given, if it may be decoded."""
        if any(codec in _STREAMED for codec, _ in self._rules.get(key.partition("/")[0], ())):
            return await asyncio.to_thread(self.at_once, key, given)
        return self.at_once(key, given)

    def at_once(self, key: str, given: Buffer | None) -> Buffer | None:
        name, _, rest = key.partition("/")
        if given is None or not rest or rest.rsplit("/", 1)[-1] in _METADATA:
            return given
        for codec, limit in self._rules.get(name, ()):
            data: Any = given.as_numpy_array().data if codec in _HEADED else given.to_bytes()
            if _BOUNDS[codec](data, limit) > limit:
                raise InputError(
                    f"{self._label}: damaged or hostile, {key} is larger than its array declares",
                    found=f"{len(data)} bytes that would decode to more than {limit / 1e6:.0f} MB",
                    needed=f"about {(limit - SPARE_BYTES) / SWELLING:.0f} bytes",
                    next_step="fetch or write it again, or leave it out",
                )
        return given


def codec_names(content: Mapping[str, Any]) -> list[str]:
    """The codecs that the metadata of an array name, those within shards too, without the prefix `numcodecs.`."""
    names = []
    waiting: list[Any] = [content.get("filters"), content.get("compressor"), content.get("codecs")]
    while waiting:
        each = waiting.pop(0)
        if isinstance(each, list):
            waiting += each
        elif isinstance(each, dict):
            names.append(str(each.get("id") or each.get("name")).removeprefix("numcodecs."))
            inner = each.get("configuration")
            waiting.append(inner.get("codecs") if isinstance(inner, dict) else None)
    return names


def _codec(content: Mapping[str, Any]) -> str:
    """The codec that the bytes of a chunk are packed with; "" if none, or none that is known to swell."""
    return next((name for name in codec_names(content) if name in _BOUNDS), "")


def _limit(content: Mapping[str, Any]) -> int:
    """Bytes that a decoded chunk (or shard) may have; only the spare ones where the metadata do not tell."""
    grid = content.get("chunk_grid")
    grid = grid.get("configuration") if isinstance(grid, dict) else None
    shape = content.get("chunks") or (grid.get("chunk_shape") if isinstance(grid, dict) else None)
    dtype = content.get("dtype", content.get("data_type"))
    try:
        width = np.dtype(dtype).itemsize if isinstance(dtype, str) else 256
        return SWELLING * int(np.prod([int(side) for side in shape or ()], dtype=object)) * width + SPARE_BYTES
    except (TypeError, ValueError):
        return SPARE_BYTES


def _zstd_bound(data: bytes | memoryview, limit: int) -> int:
    """At most so many bytes: what the frame states, or the sum of its blocks."""
    if len(data) < 6 or data[:4] != b"\x28\xb5\x2f\xfd":
        return 0
    flags = data[4]
    single, width = flags >> 5 & 1, (0, 2, 4, 8)[flags >> 6]
    place = 5 + (not single) + (0, 1, 2, 4)[flags & 3]
    width = width or single
    if width:
        return int.from_bytes(data[place : place + width], "little") + (256 if width == 2 else 0)
    total = 0
    while place + 3 <= len(data) and total <= limit:
        header = int.from_bytes(data[place : place + 3], "little")
        last, kind, size = header & 1, header >> 1 & 3, header >> 3
        total += size if kind < 2 else _ZSTD_BLOCK
        place += 3 + (1 if kind == 1 else size)
        if last:
            break
    return total


def _deflate_bound(data: bytes, limit: int) -> int:
    if len(data) * _DEFLATE_RATIO <= limit:
        return len(data) * _DEFLATE_RATIO
    return _streamed(lambda: zlib.decompressobj(zlib.MAX_WBITS | 32), data, limit)


def _bz2_bound(data: bytes, limit: int) -> int:
    return _streamed(bz2.BZ2Decompressor, data, limit)


def _lzma_bound(data: bytes, limit: int) -> int:
    return _streamed(lzma.LZMADecompressor, data, limit)


def _streamed(make: Callable[[], Any], data: bytes, limit: int) -> int:
    """Decoded piece by piece and thrown away, to know how much it is; damage is told by the decoding proper."""
    total = 0
    try:
        while data:
            decoder = make()
            while not decoder.eof:
                piece = decoder.decompress(data, _PIECE)
                data = getattr(decoder, "unconsumed_tail", b"")
                total += len(piece)
                if total > limit:
                    return total
                if not piece and not data:
                    break
            data = decoder.unused_data
    except (zlib.error, OSError, EOFError, ValueError, lzma.LZMAError):
        pass
    return total


_HEADED = {"zstd", "blosc", "lz4"}
_STREAMED = {"zlib", "gzip", "bz2", "lzma"}
"""What tells its size in a header, and what is only known when it is decoded."""

_BOUNDS: dict[str, Callable[[Any, int], int]] = {
    "zstd": _zstd_bound,
    "blosc": lambda data, _: int.from_bytes(data[4:8], "little"),
    "lz4": lambda data, _: int.from_bytes(data[:4], "little"),
    "zlib": _deflate_bound,
    "gzip": _deflate_bound,
    "bz2": _bz2_bound,
    "lzma": _lzma_bound,
}
