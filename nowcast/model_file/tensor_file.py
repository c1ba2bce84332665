"""Tensors and plain data in one safetensors file, under a checksum over every byte. Reading it executes nothing.

The header's metadata holds one JSON object (key `nowcast`), in which `sha256` is that of the whole file, taken with
zeros in the checksum's own place.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from safetensors.torch import load as tensors_of
from safetensors.torch import save as to_bytes
from torch import Tensor

from nowcast.plain_json import parsed

__all__ = ["CHECKSUM", "is_intact", "packed", "told_by", "unpacked"]

CHECKSUM = "sha256"
LARGEST_HEADER = 2**22
"""Bytes; that of a network of a thousand tensors has 100 kB."""

_BLANK = "0" * 64
_BEFORE = rf"\"{CHECKSUM}\": \"".encode()
"""JSON within JSON, the last key: no text of the plain data has it, for there a quote has more strokes before it."""


def packed(told: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> bytes:
    """The bytes of a file that holds both; finite numbers, texts, lists and dicts are told."""
    text = json.dumps({**told, CHECKSUM: _BLANK}, allow_nan=False)
    data = to_bytes(dict(tensors), metadata={"nowcast": text})
    place = _place(data)
    return data[:place] + _digest(data, place).encode() + data[place + len(_BLANK) :]


def told_by(data: bytes) -> dict[str, Any] | None:
    """The plain data of a file, without the checksum; None where it is not one of ours.

    Raises
    ------
    ValueError
        Damaged, or no safetensors file.
    """
    metadata = _header(data).get("__metadata__")
    text = metadata.get("nowcast") if isinstance(metadata, dict) else None
    if not isinstance(text, str):
        return None
    told = parsed(text)
    if not isinstance(told, dict):
        raise ValueError("its description is no JSON object")
    told.pop(CHECKSUM, None)
    return told


def is_intact(data: bytes) -> bool:
    """Whether its checksum is that of its bytes."""
    try:
        place = _place(data)
    except ValueError:
        return False
    return data[place : place + len(_BLANK)] == _digest(data, place).encode()


def unpacked(data: bytes) -> dict[str, Tensor]:
    """The tensors of a file.

    Raises
    ------
    SafetensorError
        Shapes, offsets or sizes that do not fit each other.
    """
    return dict(tensors_of(data))


def _header(data: bytes) -> dict[str, Any]:
    header = parsed(data[8 : 8 + _header_length(data)])
    if not isinstance(header, dict):
        raise ValueError("its header is no JSON object")
    return header


def _header_length(data: bytes) -> int:
    length = int.from_bytes(data[:8], "little")
    if len(data) < 8 or not 2 <= length <= min(LARGEST_HEADER, len(data) - 8):
        raise ValueError(f"a header of {length} bytes in a file of {len(data)}")
    return length


def _place(data: bytes) -> int:
    """Where the checksum stands."""
    end = 8 + _header_length(data)
    place = data.rfind(_BEFORE, 0, end)
    if place < 0:
        raise ValueError("it has no checksum")
    return place + len(_BEFORE)


def _digest(data: bytes, place: int) -> str:
    view = memoryview(data)
    digest = hashlib.sha256(view[:place])
    digest.update(_BLANK.encode())
    digest.update(view[place + len(_BLANK) :])
    return digest.hexdigest()
