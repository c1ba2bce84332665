"""Metrics of single frames, against their formulas written out."""

from __future__ import annotations

import numpy as np
import pytest

from nowcast.protocols.frames import add, frame_psnr, frame_ssim


def uniform_ssim(x: np.ndarray, y: np.ndarray, data_range: float) -> float:
    """Windows of 7 x 7 within the frame, sample covariance: the mean over windows."""
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    found = []
    for row in range(x.shape[0] - 6):
        for column in range(x.shape[1] - 6):
            a, b = (each[row : row + 7, column : column + 7].ravel() for each in (x, y))
            va, vb, cov = np.var(a, ddof=1), np.var(b, ddof=1), np.cov(a, b)[0, 1]
            top = (2 * a.mean() * b.mean() + c1) * (2 * cov + c2)
            found.append(top / ((a.mean() ** 2 + b.mean() ** 2 + c1) * (va + vb + c2)))
    return float(np.mean(found))


def test_similarity_is_scikit_images_default() -> None:
    random = np.random.default_rng(0)
    x, y = random.random((2, 2, 9, 10))
    for data_range in (1.0, 2.0):
        expected = np.mean([uniform_ssim(x[c], y[c], data_range) for c in range(2)])
        assert frame_ssim(x, y, data_range=data_range) == pytest.approx(expected, rel=1e-9)
    assert frame_ssim(x, x, data_range=1.0) == pytest.approx(1)
    assert frame_ssim(x[:, :6], y[:, :6], data_range=1.0) is None


def test_the_ratio_is_that_of_one_frame() -> None:
    truth = np.zeros((1, 2, 2))
    assert frame_psnr(truth + 0.1, truth, peak=1) == pytest.approx(20)
    assert frame_psnr(truth + 0.1, truth, peak=10) == pytest.approx(40)
    assert frame_psnr(truth, truth, peak=1) is None


def test_nothing_counts_for_nothing() -> None:
    total = np.zeros((2, 3))
    for value in (2.0, None, 4.0):
        add(total, 1, value)
    assert total.tolist() == [[0, 6, 0], [0, 2, 0]]
