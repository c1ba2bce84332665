from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from nowcast.progress import quiet


@pytest.fixture
def alone() -> Iterator[None]:
    """Silent, on one thread: networks this small only wait for each other on more."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with quiet():
        yield
    torch.set_num_threads(threads)
