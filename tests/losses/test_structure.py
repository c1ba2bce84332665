"""SSIM against scikit-image, MS-SSIM against its definition by it; what is missing takes whole windows with it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from skimage.metrics import structural_similarity
from torch import Tensor

from nowcast.errors import InputError
from nowcast.losses import Loss, ms_ssim, ssim
from nowcast.losses.structure import SCALES

BOTH = pytest.mark.parametrize("loss", [ssim, ms_ssim])


def similarity(one: np.ndarray, other: np.ndarray, *, luminance: bool = True) -> float:
    """Of two frames by scikit-image; an endless constant makes any luminance the same."""
    _, whole = structural_similarity(
        one,
        other,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        data_range=1.0,
        full=True,
        K1=0.01 if luminance else 1e9,
    )
    return whole[5:-5, 5:-5].mean()


def halved(frame: np.ndarray) -> np.ndarray:
    rows, columns = frame.shape[0] // 2, frame.shape[1] // 2
    return frame[: 2 * rows, : 2 * columns].reshape(rows, 2, columns, 2).mean((1, 3))


def by_definition(prediction: Tensor, target: Tensor, scales: int) -> float:
    """One minus MS-SSIM of complete frames: contrast and structure on every scale, luminance on the last."""
    found = []
    for one, other in zip(*(each.flatten(0, 2).double().numpy() for each in (prediction, target)), strict=True):
        product = 1.0
        for level, exponent in enumerate(SCALES[:scales]):
            last = level == scales - 1
            product *= similarity(one, other, luminance=last) ** (exponent / sum(SCALES[:scales]))
            one, other = halved(one), halved(other)
        found.append(product)
    return 1 - float(np.mean(found))


# One scale


def test_ssim_is_that_of_scikit_image(pair: Callable) -> None:
    prediction, target, weight = pair()
    frames = zip(*(each.flatten(0, 2).double().numpy() for each in (prediction, target)), strict=True)
    expected = 1 - np.mean([similarity(one, other) for one, other in frames])
    assert ssim(prediction, target, weight).item() == pytest.approx(expected, abs=1e-4)


def test_ssim_counts_the_windows_that_are_wholly_observed(pair: Callable) -> None:
    prediction, target, weight = pair((1, 1, 1, 24, 30))
    weight[..., 15:] = 0
    assert ssim(prediction, target, weight).item() == pytest.approx(
        ssim(prediction[..., :15], target[..., :15], weight[..., :15]).item(), abs=1e-6
    )


@BOTH
def test_the_range_of_the_data_is_taken(loss: Callable, pair: Callable) -> None:
    prediction, target, weight = pair()
    for size in (0.01, 100.0):
        resized = loss(size * prediction, size * target, weight, data_range=size)
        assert resized.item() == pytest.approx(loss(prediction, target, weight).item(), abs=1e-4)


@BOTH
def test_frames_must_be_as_large_as_the_window(loss: Loss, pair: Callable) -> None:
    loss(*pair((1, 1, 1, 11, 11)))
    with pytest.raises(InputError, match="SSIM loss needs frames of 11 x 11 pixels") as caught:
        loss(*pair((1, 1, 1, 16, 10)))
    assert "16 x 10" in str(caught.value)


# Several scales


@pytest.mark.parametrize(
    ("height", "width", "scales"), [(21, 30, 1), (22, 30, 2), (45, 51, 3), (90, 88, 4), (176, 180, 5)]
)
def test_ms_ssim_is_that_of_its_definition_on_as_many_scales_as_fit(
    height: int, width: int, scales: int, pair: Callable
) -> None:
    prediction, target, weight = pair((1, 2, 1, height, width))
    found = ms_ssim(prediction, target, weight).item()
    assert found == pytest.approx(by_definition(prediction, target, scales), abs=1e-5)


def test_on_one_scale_it_is_ssim_also_where_pixels_are_missing(pair: Callable) -> None:
    prediction, target, weight = pair((2, 3, 1, 21, 40))
    weight[0, :, :, 3, 17] = 0
    weight[1, 2] = 0
    torch.testing.assert_close(ms_ssim(prediction, target, weight), ssim(prediction, target, weight))


def test_a_frame_does_without_the_scales_on_which_no_window_is_observed(pair: Callable) -> None:
    prediction, target, weight = pair((2, 1, 1, 90, 96))
    weight[..., 48:] = 0
    expected = by_definition(prediction[..., :48], target[..., :48], 3)
    assert ms_ssim(prediction, target, weight).item() == pytest.approx(expected, abs=1e-5)


def test_coarse_scales_see_past_scattered_missing_pixels(pair: Callable) -> None:
    prediction, target, weight = pair((1, 1, 1, 22, 22))
    weight[..., ::2, 1::2] = weight[..., 1::2, ::2] = 0
    assert ssim(prediction, target, weight).item() == 0
    averages = [(each[..., ::2, ::2] + each[..., 1::2, 1::2]) / 2 for each in (prediction, target)]
    torch.testing.assert_close(ms_ssim(prediction, target, weight), ssim(*averages, weight[..., ::2, ::2]))


def test_a_frame_without_any_window_counts_nowhere(pair: Callable) -> None:
    prediction, target, weight = pair((1, 2, 1, 44, 44))
    weight[:, 1, :, torch.arange(44) % 8 < 4] = 0
    alone = ms_ssim(prediction[:, :1], target[:, :1], weight[:, :1])
    torch.testing.assert_close(ms_ssim(prediction, target, weight), alone)


def test_opposed_structure_costs_nearly_all_and_has_a_gradient(pair: Callable) -> None:
    _, target, weight = pair((1, 1, 1, 44, 44))
    prediction = (1 - target).requires_grad_()
    loss = ms_ssim(prediction, target, weight)
    loss.backward()
    assert ms_ssim(target.flip(-1), target, weight).item() < loss.item() < 1
    assert prediction.grad is not None
    assert torch.isfinite(prediction.grad).all()
    assert (prediction.grad[..., 20:24, 20:24] != 0).all()
    with torch.no_grad():
        nearer = ms_ssim(prediction - 0.1 * prediction.grad / prediction.grad.abs().max(), target, weight)
    assert nearer < loss


@pytest.mark.parametrize("level", [300.0, 1000.0, 3000.0])
def test_far_from_0_rounding_does_not_carry_it_out_of_its_range(level: float, pair: Callable) -> None:
    _, target, weight = pair((1, 1, 1, 44, 44))
    for spread in (0.0, 0.001, 0.1):
        truth, prediction = level + spread * target, level + spread * target.flip(-1) + 0.3
        assert 0 <= ms_ssim(prediction, truth, weight).item() <= 1
