"""Losses that compare the structure of frames, window by window."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from nowcast.errors import InputError
from nowcast.losses.masking import mean, seen

__all__ = ["WINDOW", "ms_ssim", "ssim"]

WINDOW = 11
"""Side of the Gaussian window of SSIM (Wang et al. 2004), in pixels."""

SIGMA = 1.5
"""Of that window, in pixels."""

SCALES = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Exponents of MS-SSIM (Wang et al. 2003), from the finest scale to the coarsest; they add up to 1."""

LEAST = 0.05
"""The mean similarity of a scale from which on MS-SSIM is as published."""


def ssim(prediction: Tensor, target: Tensor, weight: Tensor, *, data_range: float = 1.0) -> Tensor:
    """One minus the mean structural similarity (Wang et al. 2004, doi:10.1109/TIP.2003.819861); a scalar.

    A pixel counts where its whole 11 x 11 window is observed. Frames must be at least 11 pixels wide and high.

    Raises
    ------
    InputError
        Smaller frames.
    """
    from torchmetrics.functional.image import structural_similarity_index_measure

    height, width = _sides(prediction, "SSIM")
    prediction, target, weight = (each.flatten(0, 1) for each in seen(prediction, target, weight))
    with torch.autocast(prediction.device.type, enabled=False):
        _, similarity = structural_similarity_index_measure(
            prediction,
            target,
            sigma=SIGMA,
            kernel_size=WINDOW,
            data_range=data_range,
            return_full_image=True,
        )
    # torchmetrics pads by reflection: only windows that lie wholly inside say something of the frame.
    edge = WINDOW // 2
    inside = (..., slice(edge, height - edge), slice(edge, width - edge))
    return mean(1 - similarity[inside], _whole(weight))


def ms_ssim(prediction: Tensor, target: Tensor, weight: Tensor, *, data_range: float = 1.0) -> Tensor:
    """One minus the multi-scale structural similarity (Wang et al. 2003, doi:10.1109/ACSSC.2003.1292216); a scalar.

    The frame is halved, up to four times, by averages over the observed pixels. Of the five scales those are taken on
    which a window of 11 x 11 pixels fits: one below 22 pixels, when this is `ssim`, and all from 176 on. Their
    exponents are divided by their sum. On a scale a pixel counts where its whole window is observed, and a frame does
    without the scales on which it has no such pixel. Frames count by the share of their windows that are observed, on
    the scale where it is largest.

    Where structures oppose each other, the mean similarity of a scale may be negative and has no such power. Below 0.05
    the hyperbola that touches it there stands for it, so that the loss stays below 1 and its gradient finite.

    Raises
    ------
    InputError
        Frames smaller than 11 x 11 pixels.
    """
    side = min(_sides(prediction, "MS-SSIM"))
    prediction, target, weight = (each.flatten(0, 2).unsqueeze(1) for each in seen(prediction, target, weight))
    structures, similarities, shares, exponents = [], [], [], []
    with torch.autocast(prediction.device.type, enabled=False):
        for level, exponent in enumerate(SCALES):
            if side >> level < WINDOW:
                break
            if level:
                prediction, target, weight = _halved(prediction, target, weight)
            luminance, structure = _compared(prediction, target, data_range)
            whole = _whole(weight)
            structures.append(_mean_by_frame(structure, whole))
            similarities.append(_mean_by_frame(luminance * structure, whole))
            shares.append(whole.mean((1, 2, 3)))
            exponents.append(exponent)
    share = torch.stack(shares)
    here = share > 0
    # Luminance is compared on the coarsest scale alone: the last that a frame has.
    last = here & (here.flip(0).cumsum(0).flip(0) == 1)
    compared = torch.where(last, torch.stack(similarities), torch.stack(structures))
    power = here * share.new_tensor(exponents).unsqueeze(1)
    power = power / torch.where(here.any(0), power.sum(0), 1)
    return mean(1 - (power * _positive(compared).log()).sum(0).exp(), share.amax(0))


def _sides(frames: Tensor, name: str) -> tuple[int, int]:
    height, width = frames.shape[-2:]
    if min(height, width) < WINDOW:
        raise InputError(f"the {name} loss needs frames of {WINDOW} x {WINDOW} pixels", found=f"{height} x {width}")
    return height, width


def _whole(weight: Tensor) -> Tensor:
    """The least weight in each window that lies inside the frame: above 0 where all of it is observed."""
    return -F.max_pool2d(-weight, WINDOW, stride=1)


def _halved(prediction: Tensor, target: Tensor, weight: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Averages of 2 x 2 pixels by their weights; an odd last row or column is left out."""
    pooled = F.avg_pool2d(weight, 2)
    total = torch.where(pooled > 0, pooled, 1)
    return F.avg_pool2d(prediction * weight, 2) / total, F.avg_pool2d(target * weight, 2) / total, pooled


def _compared(prediction: Tensor, target: Tensor, data_range: float) -> tuple[Tensor, Tensor]:
    """Similarity of luminance, and of contrast and structure, in each window; both from -1 to 1.

    Each is one minus a share that is lost, of squared differences in those of both: exactly 1 where both are equal.
    """
    difference = prediction - target
    fields = torch.cat([prediction, target, prediction**2, target**2, difference**2])
    mean_p, mean_t, square_p, square_t, square_d = _blurred(fields).chunk(5)
    variance_p = (square_p - mean_p**2).clamp(min=0)
    variance_t = (square_t - mean_t**2).clamp(min=0)
    variance_d = (square_d - (mean_p - mean_t) ** 2).clamp(min=0)
    luminance = 1 - (mean_p - mean_t) ** 2 / (mean_p**2 + mean_t**2 + (0.01 * data_range) ** 2)
    structure = 1 - variance_d / (variance_p + variance_t + (0.03 * data_range) ** 2)
    return luminance, structure


def _blurred(fields: Tensor) -> Tensor:
    """Means under the Gaussian window, where it lies inside the frame; dims `(n, 1, h, w)`."""
    distance = torch.arange(WINDOW, dtype=fields.dtype, device=fields.device) - WINDOW // 2
    bell = torch.exp(-(distance**2) / (2 * SIGMA**2))
    bell = bell / bell.sum()
    return F.conv2d(F.conv2d(fields, bell.view(1, 1, -1, 1)), bell.view(1, 1, 1, -1))


def _mean_by_frame(values: Tensor, whole: Tensor) -> Tensor:
    total = whole.sum((1, 2, 3))
    return (values * whole).sum((1, 2, 3)) / torch.where(total > 0, total, 1)


def _positive(similarity: Tensor) -> Tensor:
    return torch.where(similarity > LEAST, similarity, LEAST**2 / (2 * LEAST - similarity.clamp(max=LEAST)))
