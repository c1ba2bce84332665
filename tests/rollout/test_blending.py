"""Tiles of a field that are blended: the same forecast as of the whole, and no seam."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from nowcast.models import ConvLSTM, Forecaster, Persistence, build
from nowcast.rollout.blending import tiled_by_lead


def run_tiled(model: Forecaster, context: Tensor, horizon: int, *, tile: int, halo: int) -> Tensor:
    """All lead times together."""
    return torch.cat([each.clone() for each in tiled_by_lead(model, context, horizon, tile=tile, halo=halo)], dim=1)


class Blur(Forecaster):
    """Repeated 3 x 3 convolutions: each lead looks one pixel farther; outside the field is 0."""

    def __init__(self, *, channels: int = 1, masked: bool = False) -> None:
        super().__init__(channels=channels, masked=masked)
        torch.manual_seed(0)
        self.convolution = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, context: Tensor, horizon: int) -> Tensor:
        frames = [context[:, -1]]
        for _ in range(horizon):
            frames.append(torch.tanh(self.convolution(frames[-1])))
        return torch.stack(frames[1:], dim=1)


@pytest.mark.parametrize("size", [(70, 53), (40, 90), (31, 33), (32, 32)])
def test_tiles_that_see_far_enough_make_the_same_forecast_as_the_whole(size: tuple[int, int]) -> None:
    context = torch.rand(2, 2, 3, *size)
    model = Blur(channels=3)
    with torch.no_grad():
        whole = model(context, 3)
    # Each pixel is answered by tiles that see at least half a halo around it.
    tiled = run_tiled(model, context, 3, tile=32, halo=6)
    torch.testing.assert_close(tiled, whole, rtol=1e-5, atol=1e-6)


def test_a_small_field_is_forecast_whole_in_the_same_bits() -> None:
    context = torch.rand(1, 2, 1, 30, 32)
    model = Blur()
    with torch.no_grad():
        assert torch.equal(run_tiled(model, context, 3, tile=32, halo=6), model(context, 3))


def test_tiles_of_a_convlstm_meet_within_tolerance() -> None:
    torch.manual_seed(0)
    model = ConvLSTM(hidden=(4,), patch=2)
    nn.init.normal_(model.output.weight, std=3.0)
    context = torch.rand(1, 2, 1, 64, 48)
    with torch.no_grad():
        whole = model(context, 2)
    tiled = run_tiled(model, context, 2, tile=32, halo=8)
    torch.testing.assert_close(tiled, whole, rtol=0, atol=0.05 * float((whole - context[:, -1:]).abs().max()))
    # Far from the places where tiles meet (rows 16-32 and 32-48, columns 16-32) there is one tile and its own border.
    torch.testing.assert_close(tiled[..., :10, :10], whole[..., :10, :10], rtol=1e-5, atol=1e-6)
    assert (whole - context[:, -1:]).abs().max() > 0.1, "the network says something"


@given(
    st.tuples(st.integers(1, 80), st.integers(1, 80)), st.integers(0, 9), st.integers(1, 30), st.sampled_from([1, 3])
)
@settings(deadline=None, max_examples=60)
def test_every_pixel_is_answered_by_some_tile(size: tuple[int, int], halo: int, inner: int, horizon: int) -> None:
    """Persistence blended with itself is itself; a weight of nothing would be NaN, a wrong place another number."""
    context = torch.arange(1.0, 1 + size[0] * size[1]).reshape(1, 1, 1, *size)
    tiled = run_tiled(Persistence(), context, horizon, tile=2 * halo + inner, halo=halo)
    assert tiled.shape == (1, horizon, 1, *size)
    torch.testing.assert_close(tiled, context.expand_as(tiled), rtol=1e-5, atol=0)


def test_answers_that_differ_between_tiles_are_blended_without_a_seam() -> None:
    class Alternating(Forecaster):
        calls = 0

        def forward(self, context: Tensor, horizon: int) -> Tensor:
            self.calls += 1
            return torch.full_like(context[:, :1], float(self.calls % 2))

    model = Alternating()
    row = run_tiled(model, torch.zeros(1, 1, 1, 20, 152), 1, tile=56, halo=4)[0, 0, 0, 0]
    assert model.calls == 3
    assert (row[:48] == 1).all()
    assert (row[56:96] == 0).all()
    step = row.diff().abs()
    assert 0 < step.max() <= 1 / 4


@pytest.mark.parametrize("size", [(101, 90), (96, 97), (70, 103)])
def test_tiles_are_folded_as_the_whole_field_is(size: tuple[int, int]) -> None:
    """A last tile that began off the squares of pixels that the model folds would answer something else altogether."""
    torch.manual_seed(0)
    model = ConvLSTM(hidden=(4, 4), patch=4).eval()
    torch.nn.init.normal_(model.output.weight, std=0.3)
    context = torch.rand(1, 2, 1, *size)
    whole = run_tiled(model, context, 2, tile=1000, halo=24)
    tiled = run_tiled(model, context, 2, tile=80, halo=24)
    signal = (whole - context[:, -1:]).abs().mean()
    assert (tiled - whole).abs().max() < 0.02 * signal


# Missing inputs


def test_what_is_told_beside_the_mean_is_blended_too() -> None:
    told = {"thresholds": [0.3, 0.6], "spreads": [0.3, 0.4, 0.4]}
    model = build("persistence", {"exceedance": told})
    context = torch.rand(1, 2, 1, 50, 70)
    tiled = run_tiled(model, context, 2, tile=40, halo=8)
    assert tiled.shape == (1, 2, 3, 50, 70)
    torch.testing.assert_close(tiled, model.lifted(context, [1, 2]).values)
