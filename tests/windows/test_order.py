"""The order of an epoch: every window once, by (seed, epoch) alone, few blocks at a time, found again by a number."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nowcast.windows import EpochOrder, JoinedBlocks, WindowPlan, plan_blocks


def joined(frames: int, *, memory: int = 1500, cubes: int = 1) -> JoinedBlocks:
    corners = tuple((y, x) for y in (0, 4) for x in (0, 4))
    plan = WindowPlan(2, 2, tuple(range(frames - 3)), corners, (4, 4))
    edges = np.append(np.arange(0, frames, 4), frames), np.array([0, 8]), np.array([0, 8])
    return JoinedBlocks([plan_blocks(plan, edges=edges, pixel_bytes=1, memory=memory)] * cubes, memory=memory * cubes)


def windows(order: EpochOrder) -> np.ndarray:
    return np.concatenate([order.step(number).windows for number in range(order.steps)])


@given(
    frames=st.integers(5, 90),
    memory=st.sampled_from([600, 1500, 4000, 10**6]),
    cubes=st.integers(1, 3),
    seed=st.integers(0, 5),
    epoch=st.integers(0, 5),
    world=st.integers(1, 5),
    shuffle=st.booleans(),
    share=st.sampled_from([None, 0.0, 0.3, 1.0]),
)
def test_every_window_comes_once_over_all_ranks(
    frames: int, memory: int, cubes: int, seed: int, epoch: int, world: int, shuffle: bool, share: float | None
) -> None:
    blocks = joined(frames, memory=memory, cubes=cubes)
    wanted = np.arange(blocks.windows)
    drawn = None if share is None else wanted[np.random.default_rng(seed).random(len(wanted)) < share]
    orders = [
        EpochOrder(blocks, seed=seed, epoch=epoch, shuffle=shuffle, rank=rank, world=world, drawn=drawn)
        for rank in range(world)
    ]
    counts = [len(order) for order in orders]
    assert max(counts) - min(counts) <= 1
    seen = [windows(order) for order in orders if order.steps]
    assert [len(each) for each in seen] == [count for count in counts if count]
    expected = wanted if drawn is None else drawn
    np.testing.assert_array_equal(np.sort(np.concatenate(seen)) if seen else np.empty(0), expected)
    assert {order.total for order in orders} == {len(expected)}


@given(frames=st.integers(5, 90), memory=st.sampled_from([600, 1500, 4000]), seed=st.integers(0, 9))
def test_a_step_needs_few_blocks_and_its_windows_lie_in_them(frames: int, memory: int, seed: int) -> None:
    blocks = joined(frames, memory=memory)
    order = EpochOrder(blocks, seed=seed, epoch=0)
    before = 0
    for number in range(order.steps):
        places = order.places(number)
        assert len(places) <= blocks.mixed
        assert places.start >= before, "a block that was let go of is never needed again"
        before = places.start
        step = order.step(number)
        assert set(step.places.tolist()) <= set(places)
        for window, place in zip(step.windows, step.places, strict=True):
            assert window in blocks.windows_of(order.blocks[place])


def test_the_order_depends_on_seed_and_epoch_alone() -> None:
    blocks = joined(80)
    np.random.seed(0)
    first = windows(EpochOrder(blocks, seed=3, epoch=5))
    np.random.seed(1)
    np.testing.assert_array_equal(windows(EpochOrder(blocks, seed=3, epoch=5)), first)
    others = {tuple(windows(EpochOrder(blocks, seed=seed, epoch=epoch))) for seed in range(4) for epoch in range(4)}
    assert len(others) == 16


@pytest.mark.parametrize("memory", [1500, 10**6])
def test_a_position_is_found_again(memory: int) -> None:
    order = EpochOrder(joined(80, memory=memory), seed=0, epoch=1)
    whole = windows(order)
    for index in range(0, len(whole), 7):
        step, place = order.step_at(index)
        assert order.step(step).windows[place] == whole[index]


def test_what_fits_is_shuffled_fully() -> None:
    blocks = joined(80, memory=10**6)
    order = EpochOrder(blocks, seed=0, epoch=0)
    assert order.steps == 1
    moved = np.abs(windows(order) - np.arange(blocks.windows))
    assert moved.mean() > blocks.windows / 4


def test_without_a_shuffle_windows_come_as_they_lie() -> None:
    blocks = joined(80)
    expected = np.concatenate([blocks.windows_of(number) for number in range(len(blocks))])
    np.testing.assert_array_equal(windows(EpochOrder(blocks, seed=0, epoch=3, shuffle=False)), expected)


def test_windows_of_a_step_are_of_several_blocks() -> None:
    blocks = joined(400, memory=8000)
    order = EpochOrder(blocks, seed=0, epoch=0)
    middle = order.step(order.steps // 2)
    assert blocks.mixed >= 3
    assert len(set(middle.places.tolist())) == blocks.mixed
    changes = (np.diff(middle.places) != 0).mean()
    assert changes > 0.5, "they are mixed, not one block after another"
