"""Functions of (prediction, target, weight): what training makes small. Missing pixels have weight 0 and count nowhere.

All take `(b t c h w)` tensors of scaled values; `weight` is 1 where the target was observed and 0 where it is missing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from nowcast.errors import InputError

__all__ = ["LOSSES", "Loss", "mae", "mixture", "mse", "ssim"]

Loss = Callable[[Tensor, Tensor, Tensor], Tensor]

WINDOW = 11
"""Side of the Gaussian window of SSIM (Wang et al. 2004), in pixels."""


def mse(prediction: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Mean squared error over the observed pixels; a scalar, 0 if there are none."""
    prediction, target = _seen(prediction, target, weight)
    return _mean((prediction - target) ** 2, weight)


def mae(prediction: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Mean absolute error over the observed pixels; a scalar, 0 if there are none."""
    prediction, target = _seen(prediction, target, weight)
    return _mean((prediction - target).abs(), weight)


def ssim(prediction: Tensor, target: Tensor, weight: Tensor, *, data_range: float = 1.0) -> Tensor:
    """One minus the mean structural similarity (Wang et al. 2004, doi:10.1109/TIP.2003.819861); a scalar.

    A pixel counts where its whole 11 x 11 window is observed. Frames must be at least 11 pixels wide and high.

    Raises
    ------
    InputError
        Smaller frames.
    """
    from torchmetrics.functional.image import structural_similarity_index_measure

    height, width = prediction.shape[-2:]
    if min(height, width) < WINDOW:
        raise InputError(f"the SSIM loss needs frames of {WINDOW} x {WINDOW} pixels", found=f"{height} x {width}")
    observed = weight.expand_as(target).flatten(0, 1)
    prediction, target = _seen(prediction, target, weight)
    _, similarity = structural_similarity_index_measure(
        prediction.flatten(0, 1),
        target.flatten(0, 1),
        sigma=1.5,
        kernel_size=WINDOW,
        data_range=data_range,
        return_full_image=True,
    )
    # torchmetrics pads by reflection: only windows that lie wholly inside say something of the frame.
    edge = WINDOW // 2
    inside = (..., slice(edge, height - edge), slice(edge, width - edge))
    whole = -F.max_pool2d(-observed, WINDOW, stride=1)
    return _mean(1 - similarity[inside], whole)


LOSSES: dict[str, Loss] = {"mse": mse, "mae": mae, "ssim": ssim}


def mixture(shares: Mapping[str, float]) -> Loss:
    """A weighted sum of losses by name, such as `{"mse": 1.0, "ssim": 0.1}`.

    Raises
    ------
    InputError
        An unknown name, no name, or a share that is not positive.
    """
    unknown = [name for name in shares if name not in LOSSES]
    if unknown or not shares:
        raise InputError(
            f"loss {unknown[0]!r} is not known" if unknown else "no loss is named", needed="one of " + ", ".join(LOSSES)
        )
    if not all(0 < share < math.inf for share in shares.values()):
        raise InputError("each share of a loss must be a number above 0", found=str(dict(shares)))

    def mixed(prediction: Tensor, target: Tensor, weight: Tensor) -> Tensor:
        parts = [share * LOSSES[name](prediction, target, weight) for name, share in shares.items()]
        return torch.stack(parts).sum()

    return mixed


def _mean(values: Tensor, weight: Tensor) -> Tensor:
    weight = weight.expand_as(values)
    # Selected, not multiplied: an infinite or NaN value under weight 0 would spoil the sum and its gradient.
    return torch.where(weight > 0, values * weight, 0).sum() / weight.sum().clamp(min=1)


def _seen(prediction: Tensor, target: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Both with 0 where the weight is 0: selected before any arithmetic, whose gradient would be 0 times infinity."""
    seen = weight.expand_as(target) > 0
    return torch.where(seen, prediction, 0), torch.where(seen, target, 0)
