"""Blocks of several cubes as one list: numbers lead back to the cube, and memory is that of all."""

from __future__ import annotations

import numpy as np
import pytest

from nowcast.windows import BlockPlan, JoinedBlocks, WindowPlan, plan_blocks


def blocks(frames: int, *, memory: int, side: int = 8) -> BlockPlan:
    plan = WindowPlan(2, 2, tuple(range(frames - 3)), tuple((y, x) for y in (0, 4) for x in (0, 4)), (4, 4))
    edges = np.append(np.arange(0, frames, 4), frames), np.array([0, side]), np.array([0, side])
    return plan_blocks(plan, edges=edges, pixel_bytes=1, memory=memory)


@pytest.fixture
def joined() -> JoinedBlocks:
    return JoinedBlocks([blocks(40, memory=1500), blocks(12, memory=10**6), blocks(28, memory=1500)], memory=3000)


def test_every_window_of_every_cube_comes_once(joined: JoinedBlocks) -> None:
    seen = np.concatenate([joined.windows_of(number) for number in range(len(joined))])
    np.testing.assert_array_equal(np.sort(seen), np.arange(joined.windows))
    assert joined.windows == 4 * (37 + 9 + 25)
    assert joined.sizes.sum() == joined.windows


def test_numbers_lead_back_to_cube_and_window(joined: JoinedBlocks) -> None:
    for number in range(len(joined)):
        cube, block = joined.place(number)
        cubes, windows = joined.split(joined.windows_of(number))
        assert (cubes == cube).all()
        np.testing.assert_array_equal(windows, block.windows)


def test_as_many_blocks_are_mixed_as_fit(joined: JoinedBlocks) -> None:
    assert not joined.held
    largest = sorted((plan.block_bytes for plan in joined.plans for _ in range(len(plan))), reverse=True)
    assert sum(largest[: joined.mixed + 1]) <= 3000
    assert joined.mixed >= 2


def test_what_fits_is_held() -> None:
    small = JoinedBlocks([blocks(40, memory=10**6), blocks(12, memory=10**6)], memory=10**6)
    assert small.held
    assert small.mixed == len(small) == 2
    assert "all held" in str(small)


def test_reuse_is_that_of_all(joined: JoinedBlocks) -> None:
    assert joined.reuse == sum(p.window_bytes for p in joined.plans) / sum(p.decoded_bytes for p in joined.plans)
