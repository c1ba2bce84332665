"""Shares of batches: all windows once, as many batches for each, whatever the number of processes."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nowcast.windows import Shares


@given(total=st.integers(0, 60), share=st.integers(1, 5), world=st.integers(1, 6))
def test_every_window_of_a_batch_is_one_processes_and_none_waits(total: int, share: int, world: int) -> None:
    batch = share * world
    shares = [Shares(total, batch, rank, world) for rank in range(world)]
    for number in range(shares[0].batches):
        taken = [range(*each.bounds(number)) for each in shares]
        assert all(taken)
        counted = [place for each, run in zip(shares, taken, strict=True) if not each.is_spare(number) for place in run]
        assert counted == list(range(shares[0].size(number)))
    assert sum(shares[0].size(number) for number in range(shares[0].batches)) == total


@given(total=st.integers(0, 60), batch=st.integers(1, 9), world=st.integers(1, 6))
def test_positions_lie_between_edges_batch_by_batch(total: int, batch: int, world: int) -> None:
    for rank in range(world):
        shares = Shares(total, batch, rank, world)
        edges, positions = shares.edges, shares.positions
        assert len(edges) == shares.batches + 1
        assert edges[-1] == len(positions)
        for number in range(shares.batches):
            mine = positions[edges[number] : edges[number + 1]]
            np.testing.assert_array_equal(mine - number * batch, np.arange(*shares.bounds(number)))
