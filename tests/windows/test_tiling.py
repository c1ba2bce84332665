"""Tiles cover a field and overlap; integers alone."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nowcast.errors import InputError
from nowcast.windows import tiles


@settings(deadline=None)
@given(st.tuples(st.integers(1, 60), st.integers(1, 60)), st.integers(0, 8), st.integers(1, 30), st.integers(1, 9))
def test_tiles_cover_the_field_and_neighbours_overlap_by_twice_the_halo(
    size: tuple[int, int], halo: int, inner: int, multiple: int
) -> None:
    tile = 2 * halo + inner
    if inner < multiple:
        with pytest.raises(InputError, match=f"a tile of {2 * halo + multiple} at least"):
            tiles(size, tile=tile, halo=halo, multiple=multiple)
        return
    pieces = tiles(size, tile=tile, halo=halo, multiple=multiple)
    seen = np.zeros(size, int)
    for piece in pieces:
        assert 0 <= piece.y.start < piece.y.stop <= size[0]
        assert 0 <= piece.x.start < piece.x.stop <= size[1]
        for part, side in zip(piece, size, strict=True):
            assert part.start % multiple == 0
            assert part.stop == min(part.start + tile, side)
        seen[piece.y, piece.x] += 1
    assert seen.min() >= 1
    for spans in ({(p.y.start, p.y.stop) for p in pieces}, {(p.x.start, p.x.stop) for p in pieces}):
        for one, other in pairwise(sorted(spans)):
            assert one[1] - other[0] >= 2 * halo


def test_a_small_field_is_one_tile_and_a_tile_that_is_all_halo_is_refused() -> None:
    assert tiles((20, 64), tile=64, halo=8) == [(slice(0, 20), slice(0, 64))]
    with pytest.raises(InputError, match="too small for its halo"):
        tiles((20, 20), tile=16, halo=8)
