"""From numbers to batches: what a code stands for, to the bit; what is missing weighs nothing and is told."""

from __future__ import annotations

import gc
import itertools

import numpy as np
import pytest
import torch

from nowcast.scaling import Scaler
from nowcast.tensors import Preparation, to_context

SCALERS = [Scaler("unit", 3.0, 7.0), Scaler("zscore", 1.5, 2.5), Scaler("log", 0.0, 5.0, floor=0.1)]


@pytest.mark.parametrize("scaler", SCALERS, ids=lambda scaler: scaler.method)
@pytest.mark.parametrize("kind", ["uint8", "int16"])
@pytest.mark.parametrize("masked", [False, True])
def test_codes_become_what_the_scaler_makes_of_their_values(scaler: Scaler, kind: str, masked: bool) -> None:
    codes = np.random.default_rng(0).integers(0, 200, (3, 5, 2, 4, 4)).astype(kind)
    missing = codes == 7
    every = np.arange(2 ** (8 * np.dtype(kind).itemsize), dtype=np.dtype(kind).str.replace("i", "u"))
    values = every.view(kind).astype("float32") * np.float32(0.5)
    table = scaler.apply(np.where(every.view(kind) == 7, np.nan, values))
    batch = Preparation([table], context=3, masked=masked)(torch.from_numpy(codes))
    expected = scaler.apply(np.where(missing, np.nan, codes.astype("float32") * np.float32(0.5)))
    np.testing.assert_array_equal(batch.target, np.where(missing, 0, expected)[:, 3:])
    np.testing.assert_array_equal(batch.weight, (~missing[:, 3:]).astype("float32"))
    for given, one in zip(batch.context, expected[:, :3], strict=True):
        assert torch.equal(given, to_context(one, masked=masked))


def test_negative_codes_are_found_by_their_bits() -> None:
    table = np.arange(65536, dtype="uint16").view("int16").astype("float32")
    codes = torch.tensor([-32768, -1, 0, 1, 32767], dtype=torch.int16).view(1, 5, 1, 1, 1)
    batch = Preparation([table], context=4, masked=False)(codes)
    assert batch.context.flatten().tolist() == [-32768, -1, 0, 1]
    assert batch.target.item() == 32767


def test_windows_of_several_cubes_have_tables_of_their_own() -> None:
    tables = [np.arange(256, dtype="float32"), 1000 + np.arange(256, dtype="float32")]
    codes = torch.full((2, 2, 1, 1, 1), 5, dtype=torch.uint8)
    batch = Preparation(tables, context=1, masked=False)(codes, torch.tensor([1, 0]))
    assert batch.target.flatten().tolist() == [1005, 5]


def test_scaled_values_pass_and_share_no_memory_with_what_they_came_from() -> None:
    windows = torch.rand(1, 4, 1, 2, 2)
    windows[0, 3, 0, 1, 1] = torch.nan
    before = windows.clone()
    batch = Preparation(None, context=2, masked=False)(windows)
    windows.zero_()
    assert torch.equal(batch.context, before[:, :2])
    assert torch.equal(batch.target, before[:, 2:].nan_to_num(0))
    assert batch.weight.sum() == 7
    batch.context.zero_()
    assert batch.target.any(), "context and target may be changed each for itself"


def test_memory_comes_back_only_when_nothing_refers_to_it() -> None:
    prepare = Preparation(None, context=1, masked=False)
    windows = torch.arange(8.0).view(2, 4, 1, 1, 1)
    kept = prepare(windows)
    view = kept.target[:, 1]
    expected = view.clone()
    del kept
    gc.collect()
    for _ in range(20):
        prepare(windows + 100)
    assert torch.equal(view, expected), "a view is enough to keep it"
    grown = (torch.ones(2, 3, 1, 1, 1, requires_grad=True) * prepare(windows).target).sum()
    for _ in range(20):
        prepare(windows + 100)
    (gradient,) = torch.autograd.grad(grown, grown.grad_fn.next_functions[0][0].next_functions[0][0].variable)
    assert torch.equal(gradient, windows[:, 1:]), "what backward needs is not written over"


def test_memory_is_used_again() -> None:
    prepare = Preparation(None, context=1, masked=False)
    places = set()
    for _ in range(50):
        batch = prepare(torch.rand(2, 4, 1, 8, 8))
        places.add(batch.target.data_ptr())
        del batch
    assert len(places) <= 2


def test_a_context_without_a_mask_has_the_channels_of_the_field() -> None:
    frames = np.array([[[[1.0, np.nan]]]], "float32")
    assert to_context(frames, masked=False).tolist() == [[[[1.0, 0.0]]]]
    assert to_context(frames, masked=True).tolist() == [[[[1.0, 0.0]], [[1.0, 0.0]]]]
    assert np.isnan(frames[0, 0, 0, 1]), "the frames that were given are not touched"


def test_a_context_without_a_mask_shows_the_pixel_of_the_frame_before() -> None:
    rng = np.random.default_rng(0)
    frames = rng.random((2, 5, 1, 3, 3)).astype("float32")
    frames[rng.random(frames.shape) < 0.4] = np.nan
    frames[0, 4, 0, 1, 1] = np.inf
    shown = to_context(frames, masked=False).numpy()
    for b, t, y, x in itertools.product(range(2), range(5), range(3), range(3)):
        past = frames[b, : t + 1, 0, y, x]
        past = past[np.isfinite(past)]
        assert shown[b, t, 0, y, x] == (past[-1] if len(past) else 0)


def test_a_masked_context_may_show_the_frame_before_where_it_tells_that_nothing_was_seen() -> None:
    missing = np.nan
    frames = np.array([[[[1.0, missing]]], [[[missing, missing]]], [[[missing, 4.0]]]], "float32")
    held = to_context(frames, masked=True, held=True)
    assert held[:, 0, 0].tolist() == [[1, 0], [1, 0], [1, 4]]
    assert held[:, 1, 0].tolist() == [[1, 0], [0, 0], [0, 1]]
    assert to_context(frames, masked=True)[:, 0, 0].tolist() == [[1, 0], [0, 0], [0, 4]]
    assert torch.equal(to_context(frames, masked=False), held[:, :1])
    assert np.isnan(frames).sum() == 4
