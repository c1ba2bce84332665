"""The header of NetCDF classic files (CDF-1, -2, -5), read to know how long the file must be.

The NetCDF library gives zeros for whatever lies past the end of a cut classic file; only the length tells.
Format: https://docs.unidata.ucar.edu/netcdf-c/current/file_format_specifications.html
"""

from __future__ import annotations

import struct
from math import prod
from typing import BinaryIO

__all__ = ["needed_bytes"]

_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 4, 6: 8, 7: 1, 8: 2, 9: 4, 10: 8, 11: 8}
_STREAMING = {5: 0xFFFFFFFFFFFFFFFF}
_LONGEST_NAME = 256
_DIMENSION, _VARIABLE, _ATTRIBUTE = 10, 11, 12


def needed_bytes(file: BinaryIO) -> int:
    """The smallest length, in bytes, of a whole file with the header at the start of `file`.

    Raises
    ------
    ValueError
        The header itself is cut or damaged.
    """
    version = file.read(4)[3]
    count = ">Q" if version == 5 else ">I"
    offset = ">I" if version == 1 else ">Q"
    records = _number(file, count)
    if records == _STREAMING.get(version, 0xFFFFFFFF):
        records = 0
    lengths = []
    for _ in range(_tagged(file, count, _DIMENSION)):
        _skip_name(file, count)
        lengths.append(_number(file, count))
    _skip_attributes(file, count)
    fixed_end, record_begin, record_sizes, record_ends = 0, None, [], []
    if lengths.count(0) > 1:
        raise ValueError("the header has several record dimensions")
    for _ in range(_tagged(file, count, _VARIABLE)):
        _skip_name(file, count)
        shape = [lengths[_number(file, count)] for _ in range(_number(file, count))]
        _skip_attributes(file, count)
        kind = _number(file, ">I")
        _number(file, count)
        begin = _number(file, offset)
        if shape and shape[0] == 0:
            size = prod(shape[1:]) * _SIZES[kind]
            record_sizes.append(size)
            record_ends.append(begin + size)
            record_begin = begin if record_begin is None else min(begin, record_begin)
        else:
            fixed_end = max(fixed_end, begin + prod(shape) * _SIZES[kind])
    end = max(fixed_end, file.tell())
    if record_begin is not None and records:
        # A single record variable is not padded to four bytes.
        stride = record_sizes[0] if len(record_sizes) == 1 else sum(-(-size // 4) * 4 for size in record_sizes)
        end = max(end, (records - 1) * stride + max(record_ends))
    return end


def _read(file: BinaryIO, size: int) -> bytes:
    data = file.read(size)
    if len(data) < size:
        raise ValueError("the header is cut")
    return data


def _number(file: BinaryIO, code: str) -> int:
    value: int = struct.unpack(code, _read(file, struct.calcsize(code)))[0]
    return value


def _tagged(file: BinaryIO, count: str, tag: int) -> int:
    """The length of the list that begins here: the NetCDF library crashes on some that are none."""
    found, length = _number(file, ">I"), _number(file, count)
    if found != tag and (found or length):
        raise ValueError("the header is damaged")
    return length


def _skip_name(file: BinaryIO, count: str) -> None:
    length = _number(file, count)
    if length > _LONGEST_NAME:
        raise ValueError("the header is damaged")
    name = _read(file, -(-length // 4) * 4)[:length]
    if not length or min(name) < 32 or b"\x7f" in name:
        raise ValueError("the header is damaged")


def _skip_attributes(file: BinaryIO, count: str) -> None:
    for _ in range(_tagged(file, count, _ATTRIBUTE)):
        _skip_name(file, count)
        kind = _number(file, ">I")
        length = _number(file, count)
        if kind not in _SIZES:
            raise ValueError("the header is damaged")
        file.seek(-(-length * _SIZES[kind] // 4) * 4, 1)
