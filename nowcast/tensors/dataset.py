"""The windows of a cube as a torch dataset: any one of them at any time, each read on its own."""

from __future__ import annotations

import numpy as np
import torch
import xarray as xr
from torch.utils.data import Dataset

from nowcast.scaling import Scaler
from nowcast.tensors.batches import Batch, Preparation
from nowcast.tensors.sources import source_of
from nowcast.windows import WindowPlan

__all__ = ["Windows"]


class Windows(Dataset[Batch]):
    """The windows of a plan as tensors of scaled values; a `nowcast.tensors.Loader` reads them many times faster.

    Parameters
    ----------
    cube
        Dims `(time, channel, y, x)`, in physical units.
    masked
        Whether contexts tell which pixels were observed (see `nowcast.models.base.Forecaster`).
    held
        As `nowcast.tensors.to_context`.
    """

    def __init__(
        self, cube: xr.DataArray, plan: WindowPlan, scaler: Scaler, *, masked: bool, held: bool = False
    ) -> None:
        self.cube = cube
        self.plan = plan
        self.scaler = scaler
        self.masked, self.held = masked, held
        self.source = source_of(cube, scaler)
        table = self.source.table
        self._prepare = Preparation(None if table is None else [table], context=plan.context, masked=masked, held=held)

    def __len__(self) -> int:
        return len(self.plan)

    def __getitem__(self, index: int) -> Batch:
        """One window, without the leading dim of a batch.

        Raises
        ------
        InputError
            A file that cannot be read, named with its times.
        """
        numbers = np.ascontiguousarray(self.source.read(*self.plan[index]))
        return Batch(*(part[0] for part in self._prepare(torch.from_numpy(numbers)[None])))
