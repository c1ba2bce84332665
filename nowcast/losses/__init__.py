"""Functions of (prediction, target, weight): what training makes small. Missing pixels have weight 0 and count nowhere.

All take `(b t c h w)` tensors of scaled values and give a scalar, 0 if nothing is observed; `weight` is 1 where the
target was observed and 0 where it is missing, times how much its lead time counts.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor

from nowcast.errors import InputError
from nowcast.losses.balanced import balanced_mae, balanced_mse
from nowcast.losses.pixelwise import mae, mse
from nowcast.losses.structure import WINDOW, ms_ssim, ssim
from nowcast.losses.surrogates import NEIGHBOURHOOD, csi, fss
from nowcast.losses.thresholds import checked

__all__ = [
    "LOSSES",
    "SMALLEST",
    "THRESHOLDED",
    "Loss",
    "Mixture",
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

THRESHOLDED: dict[str, Callable[..., Tensor]] = {
    "balanced_mse": balanced_mse,
    "balanced_mae": balanced_mae,
    "csi": csi,
    "fss": fss,
}
"""Those that take `thresholds`, in scaled units."""

SMALLEST = {"ssim": WINDOW, "ms_ssim": WINDOW, "fss": NEIGHBOURHOOD}
"""Side in pixels of the smallest frames, of the losses that lay windows over them."""

LOSSES: dict[str, Loss] = {"mse": mse, "mae": mae, "ssim": ssim, "ms_ssim": ms_ssim, **THRESHOLDED}


@dataclass(frozen=True)
class Mixture:
    """Losses and their shares, and how much each lead time counts; see `mixture`."""

    parts: tuple[tuple[float, Loss], ...]
    leads: tuple[float, ...] | None = None

    def __call__(self, prediction: Tensor, target: Tensor, weight: Tensor) -> Tensor:
        weight = self.weighted(weight.expand_as(target))
        return torch.stack([share * loss(prediction, target, weight) for share, loss in self.parts]).sum()

    def weighted(self, weight: Tensor) -> Tensor:
        """Each pixel's weight `(b t c h w)` times how much its lead time counts."""
        return weight if self.leads is None else _by_lead(weight, self.leads, count=weight.shape[1])

    def at(self, leads: Sequence[int]) -> Mixture:
        """Of frames at these lead times alone, counted from 1."""
        return self if self.leads is None else replace(self, leads=tuple(self.leads[lead - 1] for lead in leads))


def mixture(
    shares: Mapping[str, float],
    *,
    thresholds: Sequence[float] | None = None,
    lead_weights: Sequence[float] | None = None,
) -> Mixture:
    """A weighted sum of losses by name, such as `{"mse": 1.0, "ssim": 0.1}`.

    Parameters
    ----------
    thresholds
        In scaled units, for the losses that take them; theirs if None.
    lead_weights
        How much each lead time counts, in any unit; all the same if None.

    Raises
    ------
    InputError
        An unknown name, no name, a share that is not positive, thresholds that are none, lead weights that are negative
        or all 0; and when the loss is called, another number of lead weights than of lead times.
    """
    unknown = [name for name in shares if name not in LOSSES]
    if unknown or not shares:
        raise InputError(
            f"loss {unknown[0]!r} is not known" if unknown else "no loss is named", needed="one of " + ", ".join(LOSSES)
        )
    if not all(0 < share < math.inf for share in shares.values()):
        raise InputError("each share of a loss must be a number above 0", found=str(dict(shares)))
    leads = None if lead_weights is None else tuple(map(float, lead_weights))
    if leads is not None and not (all(0 <= each < math.inf for each in leads) and any(leads)):
        raise InputError("lead weights must be numbers from 0 on, and one above it", found=str(list(leads)))
    told = {} if thresholds is None else {"thresholds": checked(thresholds)}
    parts = [(share, partial(THRESHOLDED[n], **told) if n in THRESHOLDED else LOSSES[n]) for n, share in shares.items()]
    return Mixture(tuple(parts), leads)


def _by_lead(weight: Tensor, leads: tuple[float, ...], *, count: int) -> Tensor:
    if len(leads) != count:
        raise InputError("each lead time needs a weight", found=f"{len(leads)} lead weights for {count} lead times")
    return weight * weight.new_tensor(leads).view(-1, 1, 1, 1)
