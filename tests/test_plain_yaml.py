"""Plain data from YAML, and nothing else; tests/config/test_reading.py and tests/protocols/test_loading.py try more."""

from __future__ import annotations

from pathlib import Path

import pytest

from nowcast.errors import InputError, UnsafeError
from nowcast.plain_yaml import LARGEST_FILE, read_plain


def test_a_mapping_of_plain_values(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("a: {b: [1, x]}\nc:\n")
    assert read_plain(path) == {"a": {"b": [1, "x"]}, "c": {}}
    path.write_text("# nothing\n")
    assert read_plain(path) == {}


@pytest.mark.parametrize("text", ["a: !!python/name:os.system", "a: &x 1\nb: *x", "a: !mine 1"])
def test_tags_and_aliases_are_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(text)
    with pytest.raises(UnsafeError):
        read_plain(path)


def test_what_is_no_yaml_or_too_large(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    for content in (b"{", b"- 1", b"\xff\xfe\x00"):
        path.write_bytes(content)
        with pytest.raises(InputError):
            read_plain(path)
    for twice in ("a: 1\na: 2", "a: {b: 1, b: 1}", "a: {<<: {b: 1}}", "a: 2026-99-99", "a: " + 5000 * "9"):
        path.write_text(twice)
        with pytest.raises(InputError, match="not YAML"):
            read_plain(path)
    with pytest.raises(InputError, match="no such"):
        read_plain(tmp_path / "b.yaml")
    path.write_text("#" * (LARGEST_FILE + 1))
    with pytest.raises(UnsafeError, match="too large"):
        read_plain(path)


def test_what_would_take_minutes_is_refused_at_once(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    for text in ("[" * 90_000, "a: " + "{a: " * 20_000, "a: [" + "1," * 45_000 + "]", "- " * 100):
        path.write_text(text)
        with pytest.raises(UnsafeError, match="too deep or too long"):
            read_plain(path)
