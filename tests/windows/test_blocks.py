"""Blocks: each window in one block, and wholly inside it, whatever the chunks, the gaps and the memory."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nowcast.errors import InputError
from nowcast.windows import BlockPlan, ChunkEdges, WindowPlan, plan_blocks
from nowcast.windows.plans import corners_of


@st.composite
def cases(draw: st.DrawFn) -> tuple[WindowPlan, ChunkEdges, int, int]:
    """A plan over frames with holes, chunks of any sizes, bytes of a pixel, and a memory that holds a chunk."""
    sizes = draw(st.integers(2, 60)), draw(st.integers(1, 20)), draw(st.integers(1, 20))
    context = draw(st.integers(1, sizes[0] - 1))
    horizon = draw(st.integers(1, sizes[0] - context))
    patch = draw(st.integers(1, sizes[1])), draw(st.integers(1, sizes[2]))
    starts = draw(st.sets(st.integers(0, sizes[0] - context - horizon), min_size=1))
    corners = [corners_of(size, side, draw(st.integers(1, side))) for size, side in zip(sizes[1:], patch, strict=True)]
    plan = WindowPlan(
        context, horizon, tuple(sorted(starts)), tuple((y, x) for y in corners[0] for x in corners[1]), patch
    )
    cuts = [draw(st.sets(st.integers(1, size))) for size in sizes]
    edges = tuple(np.array(sorted({0, size} | cut)) for size, cut in zip(sizes, cuts, strict=True))
    pixel = draw(st.sampled_from([1, 2, 4, 12]))
    chunk = int(np.prod([np.diff(edge).max() for edge in edges])) * pixel
    window = (context + horizon) * patch[0] * patch[1] * pixel
    memory = max(chunk, window) * draw(st.integers(1, 40))
    return plan, edges, pixel, memory


def region(blocks: BlockPlan, number: int) -> tuple[slice, slice, slice]:
    return blocks[number][:3]


@given(cases())
def test_each_window_lies_in_one_block_and_wholly(case: tuple[WindowPlan, ChunkEdges, int, int]) -> None:
    plan, edges, pixel, memory = case
    blocks = plan_blocks(plan, edges=edges, pixel_bytes=pixel, memory=memory)
    seen = np.concatenate([blocks[number].windows for number in range(len(blocks))])
    np.testing.assert_array_equal(np.sort(seen), np.arange(len(plan)))
    assert blocks.sizes.tolist() == [len(blocks[number].windows) for number in range(len(blocks))]
    for number in range(len(blocks)):
        for window in blocks[number].windows:
            for inner, outer in zip(plan[int(window)], region(blocks, number), strict=True):
                assert outer.start <= inner.start < inner.stop <= outer.stop


@given(cases())
def test_what_is_told_of_memory_and_decoding_is_so(case: tuple[WindowPlan, ChunkEdges, int, int]) -> None:
    plan, edges, pixel, memory = case
    blocks = plan_blocks(plan, edges=edges, pixel_bytes=pixel, memory=memory)
    held, decoded = [], 0
    for number in range(len(blocks)):
        held.append(pixel * int(np.prod([part.stop - part.start for part in region(blocks, number)])))
        touched = [
            int(np.diff(edge)[(edge[:-1] < part.stop) & (edge[1:] > part.start)].sum())
            for part, edge in zip(region(blocks, number), edges, strict=True)
        ]
        decoded += pixel * int(np.prod(touched))
    assert blocks.block_bytes >= max(held)
    assert blocks.decoded_bytes == decoded
    assert blocks.window_bytes == len(plan) * pixel * (plan.context + plan.horizon) * plan.patch[0] * plan.patch[1]
    assert blocks.reuse == pytest.approx(blocks.window_bytes / decoded)
    chunk = pixel * int(np.prod([np.diff(edge).max() for edge in edges]))
    if len(blocks) > 1 and blocks.mixed > 1:
        assert (blocks.mixed + 1) * blocks.block_bytes + chunk <= memory


def radar(frames: int = 2000) -> WindowPlan:
    side = range(0, 385, 64)
    return WindowPlan(10, 10, tuple(range(frames - 19)), tuple((y, x) for y in side for x in side), (128, 128))


def chunks(frames: int = 2000, time: int = 16, side: int = 256) -> ChunkEdges:
    along = np.append(np.arange(0, frames, time), frames)
    across = np.append(np.arange(0, 512, side), 512)
    return along, across, across


def test_more_memory_means_more_reuse_and_more_blocks_mixed() -> None:
    plans = [plan_blocks(radar(), edges=chunks(), pixel_bytes=2, memory=size * 10**6) for size in (40, 120, 500, 2000)]
    reuse = [each.reuse for each in plans]
    assert reuse == sorted(reuse)
    assert reuse[0] > 6
    assert 3 <= plans[0].mixed <= plans[1].mixed <= plans[2].mixed <= 16
    assert len(plans[3]) == 1, "all of it fits"


def test_chunks_of_whole_fields_and_single_frames_are_read_in_few_large_blocks() -> None:
    blocks = plan_blocks(radar(), edges=chunks(time=1, side=512), pixel_bytes=2, memory=200 * 10**6)
    assert blocks.reuse > 10


def test_chunks_that_are_long_in_time_are_told_by_their_little_reuse() -> None:
    long = plan_blocks(radar(), edges=chunks(time=2000, side=64), pixel_bytes=2, memory=40 * 10**6)
    assert long.reuse < 2


def test_a_chunk_larger_than_the_memory_is_refused_with_the_cure() -> None:
    with pytest.raises(InputError, match=r"(?s)one chunk is larger.*1049 MB.*at most 500 MB.*nowcast convert"):
        plan_blocks(radar(), edges=chunks(time=2000, side=512), pixel_bytes=2, memory=500 * 10**6)


def test_a_window_larger_than_the_memory_is_refused() -> None:
    with pytest.raises(InputError, match=r"(?s)one window is larger.*a smaller --patch"):
        plan_blocks(radar(), edges=chunks(time=1, side=64), pixel_bytes=2, memory=600_000)


def test_no_block_beyond_the_last() -> None:
    blocks = plan_blocks(radar(), edges=chunks(), pixel_bytes=2, memory=10**8)
    with pytest.raises(IndexError):
        blocks[len(blocks)]


def test_it_says_what_it_came_to() -> None:
    blocks = plan_blocks(radar(), edges=chunks(), pixel_bytes=2, memory=120 * 10**6)
    assert f"each byte decoded is used {blocks.reuse:.3g} times" in str(blocks)
