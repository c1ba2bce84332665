"""Errors pixel by pixel, against numpy."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from nowcast.losses import Loss, mae, mse


def test_mse_and_mae_are_those_of_numpy_over_the_observed_pixels(pair: Callable) -> None:
    prediction, target, weight = pair()
    weight[torch.rand(weight.shape, generator=torch.Generator().manual_seed(1)) < 0.3] = 0
    observed = weight.numpy() > 0
    error = prediction.double().numpy()[observed] - target.double().numpy()[observed]
    assert mse(prediction, target, weight).item() == pytest.approx((error**2).mean(), rel=1e-5)
    assert mae(prediction, target, weight).item() == pytest.approx(np.abs(error).mean(), rel=1e-5)


@pytest.mark.parametrize("loss", [mse, mae])
def test_missing_pixels_might_as_well_not_be_there(loss: Loss, pair: Callable) -> None:
    prediction, target, weight = pair()
    weight[..., 10:] = 0
    prediction[..., 10:] += 5
    torch.testing.assert_close(
        loss(prediction, target, weight), loss(prediction[..., :10], target[..., :10], weight[..., :10])
    )
