"""The discriminator: what it sees, what it must not see, and how steep it may be."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from nowcast.errors import InputError
from nowcast.models.discriminator import Discriminator, Logits


def small(*, channels: int = 1, masked: bool = False, frames: int = 4) -> Discriminator:
    torch.manual_seed(0)
    return Discriminator(channels=channels, masked=masked, width=4, frames=frames)


def given(
    *, context: int = 3, horizon: int = 5, channels: int = 1, masked: bool = False, size: tuple[int, int] = (16, 16)
) -> tuple[Tensor, Tensor, Tensor]:
    shown = torch.rand(2, context, channels * (2 if masked else 1), *size)
    following = torch.rand(2, horizon, channels, *size)
    return shown, following, torch.ones_like(following)


def same(one: Logits, other: Logits) -> bool:
    return all(torch.equal(each, its) for each, its in zip(one, other, strict=True))


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("size", [(16, 16), (17, 31), (40, 24)])
@pytest.mark.parametrize(("context", "horizon"), [(1, 1), (3, 5), (10, 2)])
def test_any_size_and_any_number_of_frames(masked: bool, size: tuple[int, int], context: int, horizon: int) -> None:
    judged = small(channels=2, masked=masked)(
        *given(context=context, horizon=horizon, channels=2, masked=masked, size=size)
    )
    eighth, sixteenth = (
        [(side + fold - 1) // fold * fold // down for side in size] for fold, down in ((2, 8), (4, 16))
    )
    assert judged.spatial.shape == (2, min(4, horizon), *eighth)
    assert judged.temporal.shape == (2, -(-(context + horizon) // 4), *sixteenth)


def test_smaller_frames_are_refused() -> None:
    with pytest.raises(InputError, match="16 x 16 pixels") as caught:
        small()(*given(size=(15, 40)))
    assert "15 x 40" in str(caught.value)


@pytest.mark.parametrize("masked", [False, True])
def test_missing_pixels_do_not_reach_the_logits(masked: bool) -> None:
    network = small(masked=masked).eval()
    context, following, weight = given(masked=masked)
    weight[..., 3:9, 4:8] = 0
    before = network(context, following, weight)
    other = following.clone()
    other[..., 3:9, 4:8] = float("nan")
    assert same(network(context, other, weight), before)
    assert not same(network(context, following, torch.ones_like(weight)), before)
    other = following.clone().requires_grad_()
    sum(each.sum() for each in network(context, other, weight)).backward()
    assert (other.grad[weight == 0] == 0).all()
    assert (other.grad[weight > 0] != 0).any()


def test_one_weight_for_all_channels_will_do() -> None:
    network = small(channels=2).eval()
    context, following, weight = given(channels=2)
    weight[:, :, :, 3:9] = 0
    assert same(network(context, following, weight), network(context, following, weight[:, :, :1]))


def test_a_mask_is_seen_by_both_branches() -> None:
    network = small(masked=True).eval()
    context, following, weight = given(masked=True)
    following[..., 3:9, 4:8] = 0
    seen = network(context, following, weight)
    weight[..., 3:9, 4:8] = 0
    unseen = network(context, following, weight)
    assert not torch.equal(seen.spatial, unseen.spatial)
    assert not torch.equal(seen.temporal, unseen.temporal)


def test_the_temporal_branch_sees_the_context_and_every_frame_and_the_spatial_one_a_few() -> None:
    network = small(frames=2).eval()
    context, following, weight = given(horizon=6)
    before = network(context, following, weight)
    for frame in range(3):
        other = context.clone()
        other[:, frame] = 0
        judged = network(other, following, weight)
        assert torch.equal(judged.spatial, before.spatial)
        assert not torch.equal(judged.temporal, before.temporal)
    looked_at = 0
    for frame in range(6):
        other = following.clone()
        other[:, frame] = 0
        judged = network(context, other, weight)
        looked_at += not torch.equal(judged.spatial, before.spatial)
        assert not torch.equal(judged.temporal, before.temporal)
    assert looked_at == 2


def test_which_frames_the_spatial_branch_looks_at_is_settled_by_the_step() -> None:
    network = small(frames=2).eval()
    context, following, weight = given(horizon=6)
    judged = [network(context, following, weight, step=step).spatial for step in range(12)]
    assert torch.equal(judged[3], network(context, following, weight, step=3).spatial)
    assert len({tuple(each.flatten().tolist()) for each in judged}) > 4


def test_every_layer_has_spectral_norm() -> None:
    torch.manual_seed(1)
    network = Discriminator(width=4)
    layers = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d | nn.Conv3d)]
    assert len(layers) == 8
    with torch.no_grad():
        for layer in layers:
            layer.parametrizations.weight.original.mul_(7)
        for _ in range(60):
            network(*given())
        for layer in layers:
            steepest = torch.linalg.matrix_norm(layer.weight.flatten(1), ord=2)
            assert steepest.item() == pytest.approx(1, abs=0.02)


def test_samples_of_a_batch_do_not_meet() -> None:
    network = small().eval()
    context, following, weight = given()
    both = network(context, following, weight)
    for sample in range(2):
        alone = network(*(part[sample : sample + 1] for part in (context, following, weight)))
        for one, other in zip(alone, both, strict=True):
            torch.testing.assert_close(one[0], other[sample], rtol=1e-4, atol=1e-6)
