"""No chunk is given that decodes to far more than was declared; whole stores that try: tests/faults/test_hostile.py."""

from __future__ import annotations

import asyncio
import bz2
import gzip
import lzma
import zlib
from functools import cache
from pathlib import Path
from typing import Any

import numcodecs
import numpy as np
import pytest
from zarr.core.buffer import default_buffer_prototype

from nowcast.errors import InputError
from nowcast.readers.formats.zarr.stores import CarefulStore

DECLARED = 2**20
HONEST = np.random.default_rng(1).integers(0, 9, DECLARED, dtype="u1").tobytes()
SWOLLEN = bytes(9 * 2**23)

PACKED = {
    "zstd": lambda data: bytes(numcodecs.Zstd(1).encode(data)),
    "blosc": lambda data: bytes(numcodecs.Blosc("lz4", 1).encode(data)),
    "lz4": lambda data: bytes(numcodecs.LZ4().encode(data)),
    "zlib": lambda data: zlib.compress(data, 1),
    "gzip": lambda data: gzip.compress(data, 1),
    "bz2": lambda data: bz2.compress(data, 1),
    "lzma": lambda data: lzma.compress(data, preset=0),
}


@cache
def swollen(codec: str) -> bytes:
    return PACKED[codec](SWOLLEN)


def metadata(codec: str, version: int) -> dict[str, Any]:
    if version == 2:
        return {"chunks": [1, 1024, 1024], "dtype": "|u1", "compressor": {"id": codec}, "filters": None}
    grid = {"name": "regular", "configuration": {"chunk_shape": [1, 1024, 1024]}}
    codecs = [{"name": "bytes"}, {"name": codec, "configuration": {}}, {"name": "crc32c"}]
    return {"chunk_grid": grid, "data_type": "uint8", "codecs": codecs}


def given(store: CarefulStore, key: str) -> bytes | None:
    found = asyncio.run(store.get(key, default_buffer_prototype()))
    return None if found is None else found.to_bytes()


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("codec", PACKED)
def test_a_chunk_is_given_if_it_is_what_was_declared(codec: str, version: int, tmp_path: Path) -> None:
    (tmp_path / "rain").mkdir()
    store = CarefulStore(tmp_path, arrays=[("rain", metadata(codec, version))])
    packed = PACKED[codec](HONEST)
    (tmp_path / "rain" / "0").write_bytes(packed)
    assert given(store, "rain/0") == packed
    assert given(store, "rain/1") is None
    (tmp_path / "rain" / "0").write_bytes(swollen(codec))
    with pytest.raises(InputError, match=r"rain/0 is larger than its array declares"):
        given(store, "rain/0")
    with pytest.raises(InputError):
        store.get_sync("rain/0")


@pytest.mark.parametrize("codec", PACKED)
def test_a_damaged_chunk_is_left_to_its_codec(codec: str, tmp_path: Path) -> None:
    (tmp_path / "rain").mkdir()
    store = CarefulStore(tmp_path, arrays=[("rain", metadata(codec, 2))])
    packed = PACKED[codec](HONEST)
    for damaged in (b"", packed[:3], packed[: len(packed) // 2], packed[:200] + bytes(50) + packed[250:]):
        (tmp_path / "rain" / "0").write_bytes(damaged)
        assert given(store, "rain/0") == damaged


def test_several_streams_in_one_chunk_are_added_up(tmp_path: Path) -> None:
    (tmp_path / "rain").mkdir()
    store = CarefulStore(tmp_path, arrays=[("rain", metadata("bz2", 2))])
    (tmp_path / "rain" / "0").write_bytes(bz2.compress(bytes(2**22)) * 40)
    with pytest.raises(InputError, match="larger than its array declares"):
        given(store, "rain/0")
