"""The idx format of MNIST: a big-endian header, then bytes; plain or gzip (http://yann.lecun.com/exdb/mnist/)."""

from __future__ import annotations

import gzip
import struct
from math import prod
from pathlib import Path

import numpy as np

from nowcast.errors import InputError
from nowcast.readers import reading

__all__ = ["read_idx"]

MOST_BYTES = 2**28
"""The largest published array, MNIST's training images, has 47 million; a header that states more is a trap."""

MOST_DIMS = 4
UNSIGNED_BYTES = 8


def read_idx(path: Path) -> np.ndarray:
    """An array of unsigned bytes, in its own dims.

    Raises
    ------
    InputError
        Another format or type, or a header that the bytes do not bear out.
    """
    with reading(str(path)), path.open("rb") as raw:
        packed = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        with gzip.open(raw) if packed else raw as file:
            start = file.read(4)
            if len(start) < 4 or start[:2] != b"\0\0" or start[2] != UNSIGNED_BYTES or not 1 <= start[3] <= MOST_DIMS:
                raise InputError(
                    f"{path}: not an idx file of bytes",
                    found=f"the first bytes {start.hex(' ')}",
                    needed="00 00 08 and the number of dims",
                )
            header = file.read(4 * start[3])
            if len(header) < 4 * start[3]:
                raise InputError(f"{path}: damaged, the header of an idx file ends early")
            shape = struct.unpack(f">{start[3]}I", header)
            size = prod(shape)
            if size > MOST_BYTES or not size:
                raise InputError(f"{path}: not an array that can be read", found=f"a header that states {shape}")
            values = file.read(size + 1)
    if len(values) != size:
        raise InputError(
            f"{path}: damaged, it does not hold what its header states",
            found=f"{len(values)}{' or more' if len(values) > size else ''} bytes",
            needed=f"{size}: {' x '.join(map(str, shape))}",
            next_step="fetch it again",
        )
    return np.frombuffer(values, dtype=np.uint8).reshape(shape)
