"""The loader: the windows of numpy, each once an epoch, in an order that can be told again, whatever holds the cube."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nowcast.errors import InputError
from nowcast.scaling import Scaler
from nowcast.tensors import Batch, Loader, Windows, to_context
from nowcast.windows import WindowPlan, plan

Maker = Callable[..., xr.DataArray]
AS_IT_IS = Scaler("unit", 0.0, 1.0)


def cut(cube: xr.DataArray) -> WindowPlan:
    return plan(cube, context=3, horizon=2, patch=(4, 5), patch_stride=3)


def windows(cube: xr.DataArray, *, masked: bool = False) -> Windows:
    return Windows(cube, cut(cube), AS_IT_IS, masked=masked)


def numbers(made: Loader) -> list[int]:
    return [int(number) for each in made.cut() for number in each.numbers]


def same(one: Batch, other: Batch) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


# C3: windows identical to in-memory numpy, whatever the chunking


@st.composite
def cubes(draw: st.DrawFn) -> tuple[xr.DataArray, WindowPlan]:
    """Times with gaps, values with holes, chunks of any sizes, integers or floats, in memory or lazy."""
    shape = draw(st.integers(3, 24)), draw(st.integers(1, 2)), draw(st.integers(2, 9)), draw(st.integers(2, 9))
    kind = draw(st.sampled_from(["uint8", "int16", "float32", "float64"]))
    values = np.random.default_rng(draw(st.integers(0, 99))).integers(0, 200, shape).astype(kind)
    if np.dtype(kind).kind == "f":
        values[np.random.default_rng(1).random(shape) < draw(st.sampled_from([0.0, 0.2]))] = np.nan
    steps = draw(st.lists(st.sampled_from([1, 1, 1, 1, 3]), min_size=shape[0] - 1, max_size=shape[0] - 1))
    if len(set(steps)) > 1:
        steps[:2] = [1, 1]
    time = pd.Timestamp("2026-05-01") + pd.to_timedelta(np.cumsum([0, *steps]) * 5, "min")
    cube = xr.DataArray(values, dims=("time", "channel", "y", "x"), coords={"time": time}, name="field")
    longest = max(len(run) for run in np.split(np.arange(shape[0]), np.flatnonzero(np.array(steps) > 1) + 1))
    context = draw(st.integers(1, longest - 1)) if longest > 1 else 1
    horizon = draw(st.integers(1, max(1, longest - context)))
    patch = draw(st.integers(1, shape[2])), draw(st.integers(1, shape[3]))
    try:
        chosen = plan(
            cube, context=context, horizon=horizon, patch=patch, patch_stride=draw(st.integers(1, min(patch)))
        )
    except InputError:
        chosen = plan(cube[:2].assign_coords(time=time[0] + pd.to_timedelta([0, 5], "min")), context=1, horizon=1)
        cube = cube[:2].assign_coords(time=time[0] + pd.to_timedelta([0, 5], "min"))
    if draw(st.booleans()):
        cube = cube.chunk({dim: draw(st.integers(1, size)) for dim, size in cube.sizes.items()})
    return cube, chosen


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(
    cubes(),
    st.integers(1, 7),
    st.booleans(),
    st.booleans(),
    st.sampled_from([1, 2, 5, 10**6]),
    st.integers(0, 3),
)
def test_windows_are_those_of_numpy(
    case: tuple[xr.DataArray, WindowPlan], batch: int, masked: bool, shuffle: bool, room: int, epoch: int
) -> None:
    cube, chosen = case
    scaler = Scaler("log", 0.0, 2.0, floor=0.5)
    truth = scaler.apply(np.asarray(cube.values))
    part = Windows(cube, chosen, scaler, masked=masked)
    window = (chosen.context + chosen.horizon) * chosen.patch[0] * chosen.patch[1] * cube.sizes["channel"] * 8
    chunk = int(np.prod([max(sizes) for sizes in cube.chunks])) * 8 if cube.chunks else 8
    made = Loader([part], batch=batch, shuffle=shuffle, seed=1, memory=room * max(window, chunk))
    made.set_epoch(epoch)
    order = numbers(made)
    assert sorted(order) == list(range(len(chosen)))
    times = cube["time"].values
    got = iter(order)
    for given_batch in made:
        for context, target, weight in zip(*given_batch, strict=True):
            time, y, x = chosen[next(got)]
            assert len(set(np.diff(times[time]))) <= 1, "no window crosses a gap"
            expected = truth[time, :, y, x]
            asked = expected[chosen.context :]
            assert torch.equal(context, to_context(expected[: chosen.context], masked=masked))
            np.testing.assert_array_equal(target, np.where(np.isfinite(asked), asked, 0))
            np.testing.assert_array_equal(weight, np.isfinite(asked))
    made.close()


@pytest.mark.parametrize("masked", [False, True])
def test_a_store_of_packed_integers_gives_the_same_bits(packed: xr.DataArray, masked: bool) -> None:
    scaler = Scaler.fit(packed, method="log")
    stored = Loader([Windows(packed, cut(packed), scaler, masked=masked)], batch=7, memory=3000)
    held = Loader([Windows(packed.compute(), cut(packed), scaler, masked=masked)], batch=7)
    assert len(stored.blocks) > 3
    assert held.blocks.held
    wanted = {
        n: b
        for c, b in zip(held.cut(), held, strict=True)
        for n, b in zip(c.numbers, zip(*b, strict=True), strict=True)
    }
    found = {
        n: b
        for c, b in zip(stored.cut(), stored, strict=True)
        for n, b in zip(c.numbers, zip(*b, strict=True), strict=True)
    }
    assert set(wanted) == set(found) == set(range(len(cut(packed))))
    for number, parts in wanted.items():
        for one, other in zip(parts, found[number], strict=True):
            assert torch.equal(one, other)


def test_other_processes_read_the_same(packed: xr.DataArray) -> None:
    part = Windows(packed, cut(packed), AS_IT_IS, masked=True)
    here, there = (Loader([part], batch=8, seed=2, memory=3000, workers=workers) for workers in (0, 1))
    for _ in range(2):
        assert all(same(one, other) for one, other in zip(here, there, strict=True))
    there.close()


def test_windows_are_held_if_they_are_told_to(gappy: xr.DataArray) -> None:
    gappy = gappy.where(gappy["time"] != gappy["time"][2])
    whole = plan(gappy, context=3, horizon=2)
    for held in (False, True):
        part = Windows(gappy, whole, AS_IT_IS, masked=True, held=held)
        context = next(iter(Loader([part], batch=1, shuffle=False))).context[0]
        assert torch.equal(context, to_context(gappy.values[:3], masked=True, held=held))
        assert torch.equal(context, part[0].context)
        assert bool(context[2, 0].any()) == held


# Order, and where it stands


@pytest.mark.parametrize("shuffle", [False, True])
def test_batches_hold_every_window_once(gappy: xr.DataArray, shuffle: bool) -> None:
    part = windows(gappy, masked=True)
    batches = list(Loader([part], batch=8, shuffle=shuffle, seed=1))
    assert [len(batch.context) for batch in batches] == [8] * 7 + [7]
    assert batches[0].context.shape == (8, 3, 4, 4, 5)
    assert batches[0].target.shape == batches[0].weight.shape == (8, 2, 2, 4, 5)
    got = torch.cat([batch.target for batch in batches])
    want = torch.stack([part[i].target for i in range(len(part))])
    assert torch.equal(got, want) != shuffle
    assert torch.equal(got.flatten(1).unique(dim=0), want.flatten(1).unique(dim=0))
    assert len(got.flatten(1).unique(dim=0)) == len(part)


def test_the_order_depends_on_seed_and_epoch_alone(gappy: xr.DataArray) -> None:
    made = Loader([windows(gappy)], batch=5, shuffle=True, seed=3, memory=4000)
    first = numbers(made)
    np.random.seed(1)
    torch.manual_seed(9)
    assert numbers(made) == first
    assert numbers(Loader([windows(gappy)], batch=5, shuffle=True, seed=3, memory=4000)) == first
    made.set_epoch(1)
    second = numbers(made)
    made.set_epoch(0)
    assert numbers(made) == first != second


@pytest.mark.parametrize("memory", [4000, 10**6])
def test_a_pass_goes_on_where_it_stood(gappy: xr.DataArray, memory: int) -> None:
    def new() -> Loader:
        return Loader([windows(gappy)], batch=5, shuffle=True, seed=3, memory=memory)

    whole = new()
    whole.set_epoch(4)
    batches = list(whole)
    for stop in range(len(batches)):
        begun = new()
        begun.set_epoch(4)
        taken = list(itertools.islice(begun, stop))
        state = begun.state_dict()
        assert state == {"epoch": 4, "batches": stop if stop else 0}
        later = new()
        later.load_state_dict(state)
        rest = list(later)
        assert len(taken) + len(rest) == len(batches)
        assert all(same(one, other) for one, other in zip(rest, batches[stop:], strict=True))


def test_going_on_reads_nothing_of_what_is_past(packed: xr.DataArray, monkeypatch: pytest.MonkeyPatch) -> None:
    made = Loader([windows(packed)], batch=8, seed=3, memory=3000)
    reads: list[object] = []
    source = made._sources[0]
    read = type(source).read
    monkeypatch.setattr(type(source), "read", lambda self, *key: reads.append(key) or read(self, *key))
    assert len(list(made)) == len(made)
    assert len(reads) == len(made.blocks), "each block is read once"
    reads.clear()
    made.load_state_dict({"epoch": 0, "batches": len(made) - 1})
    assert len(list(made)) == 1
    assert len(reads) <= made.blocks.mixed


def test_a_pass_that_was_left_begins_anew(gappy: xr.DataArray) -> None:
    made = Loader([windows(gappy)], batch=5, shuffle=True)
    next(iter(made))
    assert len(list(made)) == len(made)


def test_threads_end_with_the_pass(gappy: xr.DataArray) -> None:
    made = Loader([windows(gappy)], batch=2, shuffle=True, memory=4000)
    for _ in range(5):
        passing = iter(made)
        next(passing)
        passing.close()
    made.close()
    passing_threads = [thread for thread in threading.enumerate() if thread.name.startswith("nowcast-cut")]
    assert not passing_threads


@pytest.mark.parametrize("world", [2, 3, 4])
@pytest.mark.parametrize("share", [1, 2, 4])
def test_ranks_share_the_windows_in_as_many_batches(gappy: xr.DataArray, world: int, share: int) -> None:
    batch = share * world
    ranks = [
        Loader([windows(gappy)], batch=batch, seed=1, memory=4000, rank=rank, world=world) for rank in range(world)
    ]
    passes = [[each.numbers.tolist() for each in rank.cut()] for rank in ranks]
    assert len({len(each) for each in passes}) == 1, "a rank that waits for another would wait for ever"
    assert [len(rank) for rank in ranks] == [len(each) for each in passes]
    assert all(numbers for each in passes for numbers in each)
    assert sorted(n for each in passes for numbers in each for n in numbers) == list(range(len(cut(gappy))))
    for number, parts in enumerate(zip(*passes, strict=True)):
        assert ranks[0].share(number)[1] == sum(map(len, parts))


@pytest.mark.parametrize("world", [2, 3])
@pytest.mark.parametrize("shuffle", [True, False])
def test_a_batch_of_blocks_that_are_held_has_the_same_windows_on_any_number_of_ranks(
    gappy: xr.DataArray, world: int, shuffle: bool
) -> None:
    count = len(cut(gappy))
    batch = max(range(world, count, world), key=lambda each: 0 < count % each < world)  # the last one is too few
    alone = Loader([windows(gappy)], batch=batch, seed=1, shuffle=shuffle)
    ranks = [
        Loader([windows(gappy)], batch=batch, seed=1, shuffle=shuffle, rank=rank, world=world) for rank in range(world)
    ]
    for epoch in range(2):
        for each in (alone, *ranks):
            each.set_epoch(epoch)
        expected = [cut.numbers.tolist() for cut in alone.cut()]
        found: list[list[int]] = [[] for _ in expected]
        for rank in ranks:
            counts = [bool(batch.weight.any()) for batch in rank]
            for number, (each, counted) in enumerate(zip(rank.cut(), counts, strict=True)):
                found[number] += each.numbers.tolist() if counted else []
                assert rank.share(number)[1] == len(expected[number])
        assert found == expected


def test_batches_that_ranks_cannot_share_alike_are_refused(gappy: xr.DataArray) -> None:
    with pytest.raises(InputError, match="batches of 8 windows") as caught:
        Loader([windows(gappy)], batch=8, rank=0, world=3)
    assert caught.value.found == "2.67 windows on each"
    assert caught.value.next_step == "--batch 6 or --batch 9"


def test_what_is_drawn_is_what_comes(gappy: xr.DataArray) -> None:
    wanted = {epoch: np.arange(epoch, len(cut(gappy)), 3) for epoch in range(3)}
    made = Loader([windows(gappy)], batch=4, memory=4000, drawn=wanted.__getitem__)
    for epoch, expected in wanted.items():
        made.set_epoch(epoch)
        assert sorted(numbers(made)) == expected.tolist()
        assert len(made) == -(-len(expected) // 4)


@pytest.mark.parametrize("memory", [4000, 10**6])
def test_an_epoch_of_some_batches_is_the_first_of_the_same_order(gappy: xr.DataArray, memory: int) -> None:
    whole, some = (Loader([windows(gappy)], batch=5, shuffle=True, seed=3, memory=memory) for _ in range(2))
    some.most = 2
    for epoch in (0, 1):
        for each in (whole, some):
            each.set_epoch(epoch)
        assert len(some) == 2 < len(whole)
        first = list(itertools.islice(whole, 2))
        assert all(same(one, other) for one, other in zip(some, first, strict=True))
        assert some.state_dict() == {"epoch": epoch, "batches": 2}
    some.most = 10**6
    assert len(some) == len(whole)


def test_batches_are_finished_by_whoever_asked(gappy: xr.DataArray) -> None:
    seen: list[tuple[list[int], int]] = []

    def flipped(batch: Batch, which: np.ndarray, epoch: int) -> Batch:
        seen.append((which.tolist(), epoch))
        return Batch(*(part.flip(-1) for part in batch))

    plain = Loader([windows(gappy)], batch=4, shuffle=True)
    turned = Loader([windows(gappy)], batch=4, shuffle=True, prepared=flipped)
    for one, other in zip(plain, turned, strict=True):
        assert torch.equal(one.target.flip(-1), other.target)
    assert [number for which, _ in seen for number in which] == numbers(plain)


# Several cubes


def test_windows_of_several_cubes_come_each_once_and_scaled_by_their_own_packing(
    packed: xr.DataArray, cube_maker: Maker
) -> None:
    other = cube_maker((12, 1, 7, 8), values=np.arange(12 * 56).reshape(12, 1, 7, 8).astype("int16"))
    parts = [windows(packed), windows(other)]
    made = Loader(parts, batch=6, memory=20_000)
    assert made.preparation.tables is not None
    seen = set()
    for given_batch, which in zip(made, [each.numbers for each in made.cut()], strict=True):
        for index, number in enumerate(which.tolist()):
            cube, local = (0, number) if number < len(parts[0]) else (1, number - len(parts[0]))
            assert torch.equal(given_batch.target[index], parts[cube][local].target)
            seen.add(number)
    assert len(seen) == len(parts[0]) + len(parts[1])


def test_cubes_of_other_kinds_of_numbers_are_mixed_too(packed: xr.DataArray, cube_maker: Maker) -> None:
    parts = [windows(packed), windows(cube_maker((12, 1, 7, 8)))]
    made = Loader(parts, batch=6, memory=20_000)
    assert made.preparation.tables is None
    for given_batch, each in zip(made, [list(cut.numbers) for cut in made.cut()], strict=True):
        for index, number in enumerate(each):
            cube, local = (0, number) if number < len(parts[0]) else (1, number - len(parts[0]))
            assert torch.equal(given_batch.target[index], parts[cube][local].target)


# What goes wrong


def test_damage_ends_the_pass_with_the_name_of_the_file(packed: xr.DataArray) -> None:
    for chunk in (Path(packed.encoding["source"]) / "rain_rate" / "c").rglob("[0-9]"):
        if chunk.is_file():
            chunk.write_bytes(b"garbage" * 5)
    with pytest.raises(InputError, match=r"packed.zarr: damaged"):
        list(Loader([windows(packed)], batch=4, shuffle=True))


def test_a_chunk_larger_than_the_memory_is_refused_before_anything_is_read(
    packed: xr.DataArray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nowcast.readers.stored.Stored.read", lambda *_: pytest.fail("it was read"))
    with pytest.raises(InputError, match=r"(?s)chunk is larger.*nowcast convert"):
        Loader([windows(packed)], batch=4, shuffle=True, memory=100)


def test_ten_thousand_batches_leave_no_memory_behind(packed: xr.DataArray) -> None:
    psutil = pytest.importorskip("psutil")
    made = Loader([windows(packed)], batch=1, shuffle=True, memory=3000)
    taken, resident = 0, []
    for epoch in itertools.count():
        made.set_epoch(epoch)
        for _ in made:
            taken += 1
            if taken % 500 == 0:
                resident.append(psutil.Process().memory_info().rss)
        if taken >= 10_000:
            break
    slope = np.polyfit(np.arange(len(resident) // 2), resident[-(len(resident) // 2) :], 1)[0] / 500
    assert slope < 200, f"{slope:.0f} bytes a batch"
