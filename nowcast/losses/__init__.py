"""Functions of (prediction, target, weight): what training makes small. Missing pixels have weight 0 and count nowhere.

All take `(b t c h w)` tensors of scaled values and give a scalar, 0 if nothing is observed; `weight` is 1 where the
target was observed and 0 where it is missing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from nowcast.errors import InputError
from nowcast.losses.balanced import balanced_mae, balanced_mse
from nowcast.losses.pixelwise import mae, mse
from nowcast.losses.structure import WINDOW, ms_ssim, ssim
from nowcast.losses.surrogates import csi, fss

__all__ = [
    "LOSSES",
    "WINDOW",
    "Loss",
    "balanced_mae",
    "balanced_mse",
    "csi",
    "fss",
    "mae",
    "mixture",
    "ms_ssim",
    "mse",
    "ssim",
]

Loss = Callable[[Tensor, Tensor, Tensor], Tensor]

LOSSES: dict[str, Loss] = {
    "mse": mse,
    "mae": mae,
    "ssim": ssim,
    "ms_ssim": ms_ssim,
    "balanced_mse": balanced_mse,
    "balanced_mae": balanced_mae,
    "csi": csi,
    "fss": fss,
}


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
