"""Pictures of digits: of MNIST if it is there, drawn if it is not, and no picture in two parts."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

from nowcast.datasets import digits
from nowcast.errors import InputError, NowcastWarning


def save(path: Path, images: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    content = b"\0\0\x08\x03" + struct.pack(">3I", *images.shape) + images.tobytes()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


def numbered(count: int, first: int = 0) -> np.ndarray:
    """Pictures that tell their number."""
    return np.broadcast_to(np.arange(first, first + count, dtype=np.uint8)[:, None, None], (count, 28, 28)).copy()


def test_both_files_give_test_digits_to_the_test_alone(tmp_path: Path) -> None:
    save(tmp_path / "MNIST" / "raw" / "train-images-idx3-ubyte", numbered(60))
    save(tmp_path / "MNIST" / "raw" / "t10k-images-idx3-ubyte", numbered(10, first=100))
    found = digits.pictures(tmp_path)
    assert {name: len(part) for name, part in found.parts.items()} == {"training": 50, "validation": 10, "test": 10}
    assert found.parts["training"].max() == 49
    assert found.parts["test"].min() == 100


def test_one_file_is_shared_out(tmp_path: Path) -> None:
    save(tmp_path / "t10k-images.idx3-ubyte", numbered(100))
    found = digits.pictures(tmp_path)
    held = [set(part[:, 0, 0].tolist()) for part in found.parts.values()]
    assert [len(each) for each in held] == [80, 10, 10]
    assert len(set.union(*held)) == 100
    assert "t10k" in found.source


def test_a_file_that_is_not_the_published_one_is_told(tmp_path: Path) -> None:
    save(tmp_path / "t10k-images-idx3-ubyte.gz", numbered(20))
    with pytest.warns(NowcastWarning, match="not the published file"):
        digits.pictures(tmp_path)


def test_the_published_file_is_known(shared_data: Path) -> None:
    found = digits.pictures(shared_data / "mnist")
    assert {name: len(part) for name, part in found.parts.items()} == {
        "training": 8000,
        "validation": 1000,
        "test": 1000,
    }


def test_without_mnist_digits_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.warns(NowcastWarning, match=r"no MNIST file is at hand.*moving-mnist:FOLDER"):
        found = digits.pictures(None)
    for part in found.parts.values():
        assert part.dtype == np.uint8
        assert part.shape[1:] == (28, 28)
        assert (part.max(axis=(1, 2)) > 200).all()
        assert len(np.unique(part, axis=0)) == len(part)
    assert "drawn" in found.source


@pytest.mark.parametrize(
    ("images", "said"),
    [(None, "holds no digits of MNIST"), (np.zeros((20, 8, 8), np.uint8), "not the digits of MNIST")],
)
def test_what_is_not_mnist(images: np.ndarray | None, said: str, tmp_path: Path) -> None:
    if images is not None:
        save(tmp_path / "train-images-idx3-ubyte", images)
    with pytest.raises(InputError, match=said):
        digits.pictures(tmp_path)
