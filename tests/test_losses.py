"""Losses: against numpy and scikit-image; what is missing counts nowhere, not even in the gradient."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from skimage.metrics import structural_similarity
from torch import Tensor

from nowcast.errors import InputError
from nowcast.losses import LOSSES, mae, mixture, mse, ssim

EACH = pytest.mark.parametrize("name", LOSSES)


def pair(shape: tuple[int, ...] = (2, 3, 1, 24, 20), seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    random = torch.Generator().manual_seed(seed)
    target = torch.rand(shape, generator=random)
    prediction = (target + 0.2 * torch.randn(shape, generator=random)).clamp(0, 1)
    return prediction, target, torch.ones(shape)


def test_mse_and_mae_are_those_of_numpy_over_the_observed_pixels() -> None:
    prediction, target, weight = pair()
    weight[torch.rand(weight.shape, generator=torch.Generator().manual_seed(1)) < 0.3] = 0
    seen = weight.numpy() > 0
    error = prediction.double().numpy()[seen] - target.double().numpy()[seen]
    assert mse(prediction, target, weight).item() == pytest.approx((error**2).mean(), rel=1e-5)
    assert mae(prediction, target, weight).item() == pytest.approx(np.abs(error).mean(), rel=1e-5)


@pytest.mark.parametrize("loss", [mse, mae])
def test_missing_pixels_might_as_well_not_be_there(loss: type) -> None:
    prediction, target, weight = pair()
    weight[..., 10:] = 0
    prediction[..., 10:] += 5
    torch.testing.assert_close(
        loss(prediction, target, weight), loss(prediction[..., :10], target[..., :10], weight[..., :10])
    )


def test_ssim_is_that_of_scikit_image() -> None:
    prediction, target, weight = pair()
    expected = []
    for one, other in zip(
        prediction.flatten(0, 2).double().numpy(), target.flatten(0, 2).double().numpy(), strict=True
    ):
        _, whole = structural_similarity(
            one, other, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=1.0, full=True
        )
        expected.append(whole[5:-5, 5:-5].mean())
    assert ssim(prediction, target, weight).item() == pytest.approx(1 - np.mean(expected), abs=1e-4)


def test_ssim_counts_the_windows_that_are_wholly_observed() -> None:
    prediction, target, weight = pair((1, 1, 1, 24, 30))
    weight[..., 15:] = 0
    assert ssim(prediction, target, weight).item() == pytest.approx(
        ssim(prediction[..., :15], target[..., :15], weight[..., :15]).item(), abs=1e-6
    )


def test_ssim_takes_the_range_of_the_data() -> None:
    prediction, target, weight = pair()
    wide = ssim(100 * prediction, 100 * target, weight, data_range=100.0)
    assert wide.item() == pytest.approx(ssim(prediction, target, weight).item(), abs=1e-4)


def test_ssim_needs_frames_as_large_as_its_window() -> None:
    ssim(*pair((1, 1, 1, 11, 11)))
    with pytest.raises(InputError, match="frames of 11 x 11 pixels") as caught:
        ssim(*pair((1, 1, 1, 16, 10)))
    assert "16 x 10" in str(caught.value)


@EACH
def test_a_perfect_forecast_loses_nothing_and_a_worse_one_loses_more(name: str) -> None:
    prediction, target, weight = pair()
    loss = LOSSES[name]
    perfect, good, bad = (loss(p, target, weight).item() for p in (target, prediction, 1 - target))
    assert perfect == pytest.approx(0, abs=1e-6)
    assert perfect + 1e-3 < good < bad


@EACH
def test_without_any_observed_pixel_the_loss_is_0_and_so_is_the_gradient(name: str) -> None:
    prediction, target, weight = pair()
    prediction.requires_grad_()
    loss = LOSSES[name](prediction, target, 0 * weight)
    loss.backward()
    assert loss.item() == 0
    assert prediction.grad is not None
    assert (prediction.grad == 0).all()


@EACH
def test_a_missing_pixel_takes_no_gradient_and_leaves_the_others_theirs(name: str) -> None:
    prediction, target, weight = pair()
    weight[:, :, :, 3, 4] = 0
    prediction.requires_grad_()
    LOSSES[name](prediction, target, weight).backward()
    assert prediction.grad is not None
    assert (prediction.grad[:, :, :, 3, 4] == 0).all()
    assert (prediction.grad[:, :, :, 18, 12] != 0).all()


@EACH
@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("where", ["target", "prediction"])
def test_what_stands_in_a_missing_pixel_changes_neither_value_nor_gradient(name: str, bad: float, where: str) -> None:
    def loss_and_gradient(spoilt: bool) -> tuple[Tensor, Tensor]:
        prediction, target, weight = pair()
        weight[:, :, :, 3, 4] = 0
        if spoilt:
            (target if where == "target" else prediction)[:, :, :, 3, 4] = bad
        prediction.requires_grad_()
        loss = LOSSES[name](prediction, target, weight)
        loss.backward()
        assert prediction.grad is not None
        return loss.detach(), prediction.grad

    for clean, spoilt in zip(loss_and_gradient(False), loss_and_gradient(True), strict=True):
        assert torch.isfinite(spoilt).all()
        torch.testing.assert_close(spoilt, clean)


@EACH
@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("where", ["target", "prediction"])
def test_the_value_is_finite_whatever_stands_in_a_missing_pixel(name: str, bad: float, where: str) -> None:
    prediction, target, weight = pair()
    weight[:, :, :, 3, 4] = 0
    clean = LOSSES[name](prediction, target, weight)
    (target if where == "target" else prediction)[:, :, :, 3, 4] = bad
    torch.testing.assert_close(LOSSES[name](prediction, target, weight), clean)


def test_one_weight_serves_all_channels() -> None:
    prediction, target, weight = pair((2, 2, 3, 12, 12))
    weight[..., :4] = 0
    for loss in LOSSES.values():
        torch.testing.assert_close(loss(prediction, target, weight[:, :, :1]), loss(prediction, target, weight))


def test_a_mixture_is_the_sum_of_its_shares() -> None:
    arguments = pair()
    mixed = mixture({"mse": 2.0, "mae": 0.5, "ssim": 0.1})(*arguments)
    expected = 2 * mse(*arguments) + 0.5 * mae(*arguments) + 0.1 * ssim(*arguments)
    torch.testing.assert_close(mixed, expected)
    assert mixture({"mae": 1.0})(*arguments) == mae(*arguments)


@pytest.mark.parametrize(
    ("shares", "said"),
    [
        ({"mze": 1.0}, "loss 'mze' is not known"),
        ({"mse": 1.0, "huber": 1.0}, "loss 'huber' is not known"),
        ({}, "no loss is named"),
        ({"mse": 1.0, "mae": 0.0}, "above 0"),
        ({"mse": -1.0}, "above 0"),
    ],
)
def test_a_mixture_of_nothing_known_is_refused(shares: dict[str, float], said: str) -> None:
    with pytest.raises(InputError, match=said):
        mixture(shares)
