"""Clips whose frames are known exactly."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

Film = Callable[..., Path]


@pytest.fixture
def film(tmp_path: Path) -> Film:
    """Writes an AVI without loss whose frame `t` is `first + t` all over; gives its path."""
    av = pytest.importorskip("av")

    def write(name: str, *, frames: int = 6, first: int = 0, size: tuple[int, int] = (16, 24), rate: int = 25) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with av.open(str(path), "w") as file:
            stream = file.add_stream("ffv1", rate=rate)
            stream.height, stream.width, stream.pix_fmt = *size, "gray"
            for number in range(frames):
                level = np.full(size, first + number, np.uint8)
                file.mux(stream.encode(av.VideoFrame.from_ndarray(level, format="gray")))
            file.mux(stream.encode(None))
        return path

    return write
