"""What tests of trainings share: one thread, and windows of a small cube."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
import xarray as xr

from nowcast.losses import Loss
from nowcast.models import Forecaster
from nowcast.progress import quiet
from nowcast.scaling import Scaler
from nowcast.tensors import Loader, Windows
from nowcast.windows import plan


@pytest.fixture
def alone() -> Iterator[None]:
    """Silent, on one thread: networks this small only wait for each other on more."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with quiet():
        yield
    torch.set_num_threads(threads)


class Blobs:
    """A square that moves two pixels a frame around a field without borders: the next frame is certain.

    `cube` `(34, 1, 16, 16)`, rain in mm h-1 every minute; of its frames the first 24 are for training.
    """

    def __init__(self) -> None:
        values = np.zeros((34, 1, 16, 16), "float32")
        for frame in range(34):
            values[frame, 0, 4:9, 4:9] = 1
            values[frame, 0] = np.roll(values[frame, 0], (2 * frame, 2 * frame), axis=(0, 1))
        times = np.datetime64("2026-05-01", "ns") + np.arange(34) * np.timedelta64(60, "s")
        attrs = {"units": "mm h-1"}
        self.cube = xr.DataArray(
            values, dims=("time", "channel", "y", "x"), coords={"time": times}, name="rain", attrs=attrs
        )
        self.scaler = Scaler("unit", 0.0, 1.0, units="mm h-1")

    def loaders(self, *, batch: int = 4, masked: bool = False) -> tuple[Loader, Loader]:
        """Of training and of validation; two frames in and two out."""
        parts = [
            Windows(part, plan(part, context=2, horizon=2), self.scaler, masked=masked)
            for part in (self.cube[:24], self.cube[24:])
        ]
        return Loader([parts[0]], batch=batch, shuffle=True), Loader([parts[1]], batch=batch, shuffle=False)

    def validation_of(self, model: Forecaster, loss: Loss) -> float:
        """The mean loss of a forecaster over the validation windows."""
        with torch.no_grad():
            parts = [(loss(model(b.context, 2), b.target, b.weight).item(), len(b.context)) for b in self.loaders()[1]]
        return sum(value * size for value, size in parts) / sum(size for _, size in parts)


@pytest.fixture
def blobs() -> Blobs:
    """May be changed: each test has its own."""
    return Blobs()
