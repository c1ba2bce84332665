"""Sizes of memory and lengths of time, as people write them."""

from __future__ import annotations

import pytest

from nowcast.sizes import bytes_of, duration


@pytest.mark.parametrize(
    ("text", "size"), [("2GB", 2 * 10**9), ("500 MB", 5 * 10**8), ("1.5GiB", 3 * 2**29), ("4096", 4096), ("8k", 8000)]
)
def test_sizes_of_memory(text: str, size: int) -> None:
    assert bytes_of(text) == size


@pytest.mark.parametrize("text", ["", "much", "-2GB", "2PB", "0GB", "GB"])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(ValueError, match="no size of memory, such as 2GB"):
        bytes_of(text)


@pytest.mark.parametrize(
    ("seconds", "text"), [(1, "1 s"), (59.5, "59.5 s"), (60, "1 min"), (90, "1.5 min"), (3600, "60 min")]
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text
