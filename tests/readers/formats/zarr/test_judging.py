"""What is refused of a store; chunks that swell: test_stores.py, whole stores: tests/faults/test_hostile.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from nowcast.errors import UnsafeError
from nowcast.readers.formats.zarr.judging import codec_names, refuse_codecs, require_inside


def test_codecs_are_found_within_shards_too() -> None:
    inner = [{"name": "bytes"}, {"name": "numcodecs.pickle"}]
    shard = {"name": "sharding_indexed", "configuration": {"codecs": inner}}
    assert codec_names({"codecs": [shard]}) == ["sharding_indexed", "bytes", "pickle"]
    assert codec_names({"filters": [{"id": "delta"}], "compressor": None}) == ["delta"]
    assert codec_names({"codecs": "bytes", "filters": 3}) == []


def test_what_is_packed_twice_is_refused() -> None:
    refuse_codecs("a.zarr/rain", {"codecs": [{"name": "bytes"}, {"name": "zstd"}, {"name": "crc32c"}]})
    for content in (
        {"filters": [{"id": "zlib"}], "compressor": {"id": "zstd"}},
        {"codecs": [{"name": "bytes"}, {"name": "zstd"}, {"name": "gzip"}]},
    ):
        with pytest.raises(UnsafeError, match=r"a.zarr/rain: packed twice"):
            refuse_codecs("a.zarr/rain", content)


def test_places_within_and_without(tmp_path: Path) -> None:
    store = tmp_path / "a.zarr"
    store.mkdir()
    (tmp_path / "a.zarr-2").mkdir()
    require_inside(store, store / "x" / "0")
    require_inside(store, store)
    (store / "link").symlink_to(tmp_path / "a.zarr-2")
    for place in (store / ".." / "a.zarr-2", Path("/etc/passwd"), store / "link" / "0", store / "x" / "../.."):
        with pytest.raises(UnsafeError, match="leads out of the store"):
            require_inside(store, place)
