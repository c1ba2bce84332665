from __future__ import annotations

from pathlib import Path

import pytest

from nowcast.errors import InputError
from nowcast.readers.formats.zarr import metadata
from nowcast.readers.formats.zarr.metadata import content_of


def test_an_object_or_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "zarr.json"
    assert content_of(file) == {}
    file.write_text('{"shape": [2]}')
    assert content_of(file) == {"shape": [2]}
    for text, told in (("[1]", "a list, not an object"), ("{", "no JSON"), ("[" * 100_000, "no JSON"), ("", "0 bytes")):
        file.write_text(text)
        with pytest.raises(InputError, match=f"(?s)zarr.json: damaged.*{told}"):
            content_of(file)
    monkeypatch.setattr(metadata, "LARGEST_METADATA", 4)
    file.write_text('{"shape": [2]}')
    with pytest.raises(InputError, match="14 bytes"):
        content_of(file)
