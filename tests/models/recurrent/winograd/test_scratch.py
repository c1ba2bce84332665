"""Memory that is used again."""

from __future__ import annotations

import torch

from nowcast.models.recurrent.winograd.scratch import Scratch


def test_it_is_the_same_memory_for_the_same_use() -> None:
    scratch, like = Scratch(), torch.empty(())
    one, other = scratch("a", (3, 4), like), scratch("b", (3, 4), like)
    assert one.data_ptr() != other.data_ptr()
    again = scratch("a", (2, 5), like)
    assert again.shape == (2, 5)
    assert again.data_ptr() == one.data_ptr()
    larger = scratch("a", (30,), like)
    assert larger.shape == (30,)
    assert scratch("a", (3,), like.double()).dtype == torch.float64
