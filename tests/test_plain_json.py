"""JSON of one meaning, and nothing else."""

from __future__ import annotations

import pytest

from nowcast.plain_json import parsed


def test_plain_data() -> None:
    assert parsed('{"a": [1, 2.5, null, true, "x"]}') == {"a": [1, 2.5, None, True, "x"]}
    assert parsed(b"[]") == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"a": 1, "b": 2, "a": 3}', "'a' is there twice"),
        ("[NaN]", "no number"),
        ("-Infinity", "no number"),
        ("1e999", "too large"),
        ("9" * 5000, "digits"),
        ("[" * 100_000, "too deeply"),
        ("{", "Expecting"),
        (b"\xff", "decode"),
    ],
)
def test_what_has_no_meaning_or_two(text: str | bytes, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parsed(text)
