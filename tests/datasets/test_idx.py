"""The idx format: what is written by hand is read back, and a header that lies is told."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

from nowcast.datasets.idx import read_idx
from nowcast.errors import InputError

VALUES = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)
GOOD = b"\0\0\x08\x03" + struct.pack(">3I", 2, 3, 4) + VALUES.tobytes()


@pytest.mark.parametrize("content", [GOOD, gzip.compress(GOOD, mtime=0)], ids=["plain", "gzip"])
def test_plain_and_packed(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "images"
    path.write_bytes(content)
    np.testing.assert_array_equal(read_idx(path), VALUES)


def test_the_published_test_digits(shared_data: Path) -> None:
    images = read_idx(shared_data / "mnist" / "t10k-images-idx3-ubyte.gz")
    labels = read_idx(shared_data / "mnist" / "t10k-labels-idx1-ubyte.gz")
    assert images.shape == (10_000, 28, 28)
    assert labels.shape == (10_000,)
    # The first digit is a seven; each label is there about a thousand times.
    assert labels[:5].tolist() == [7, 2, 1, 0, 4]
    assert 850 < np.bincount(labels).min() < np.bincount(labels).max() < 1150
    assert images[0].max() == 254 or images[0].max() == 255


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "not an idx file"),
        (b"\x89PNG\r\n", "not an idx file"),
        (b"\0\0\x0d\x03" + GOOD[4:], "not an idx file of bytes"),
        (b"\0\0\x08\x09", "not an idx file"),
        (GOOD[:9], "header of an idx file ends early"),
        (GOOD[:-1], "does not hold what its header states"),
        (GOOD + b"x", "does not hold what its header states"),
        (b"\0\0\x08\x03" + struct.pack(">3I", 2**31, 2**31, 2**31), "header that states"),
        (b"\0\0\x08\x02" + struct.pack(">2I", 0, 4), "header that states"),
        (gzip.compress(GOOD, mtime=0)[:-12], "damaged"),
        (gzip.compress(GOOD, mtime=0)[:12], "damaged|not an idx"),
    ],
)
def test_what_is_damaged_is_told(content: bytes, said: str, tmp_path: Path) -> None:
    path = tmp_path / "images.gz"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_idx(path)
    import re

    assert re.search(said, str(caught.value))
    assert "images.gz" in str(caught.value)
