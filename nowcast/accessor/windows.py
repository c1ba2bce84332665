"""The windows of a cube, with their labels, and as torch has them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import xarray as xr

from nowcast.windows import WindowPlan

if TYPE_CHECKING:
    from nowcast.scaling import Scaler
    from nowcast.tensors import Loader
    from nowcast.tensors import Windows as Tensors

__all__ = ["LabelledWindows"]


class LabelledWindows:
    """The windows of a cube: cubes themselves, lazy as it is, with their own times and coordinates.

    It has a length, windows can be taken by number, and iterated over.
    """

    def __init__(self, cube: xr.DataArray, chosen: WindowPlan) -> None:
        self.cube = cube
        self.plan = chosen

    def __len__(self) -> int:
        return len(self.plan)

    def __getitem__(self, index: int) -> xr.DataArray:
        """Dims `(time, channel, y, x)`: `context` frames, then `horizon`."""
        time, y, x = self.plan[index]
        window = self.cube.isel(time=time, y=y, x=x)
        return window.assign_attrs(nowcast_context=self.plan.context, nowcast_horizon=self.plan.horizon)

    def __iter__(self) -> Iterator[xr.DataArray]:
        return (self[index] for index in range(len(self)))

    def __repr__(self) -> str:
        chosen = self.plan
        return (
            f"<{len(self)} windows of {self.cube.name}: {chosen.context} + {chosen.horizon} frames of "
            f"{chosen.patch[0]} x {chosen.patch[1]}, "
            f"{len(chosen.starts)} starting times x {len(chosen.corners)} places>"
        )

    def torch(self, scaler: Scaler | None = None, *, masked: bool = True) -> Tensors:
        """As a torch dataset of `(context, target, weight)`, each `(t c h w)`, float32, to be given to a DataLoader.

        Parameters
        ----------
        scaler
            Of the values; None: values stay in the cube's units. Take its statistics from training times alone:
            `Scaler.fit(cube.sel(time=...))`.
        masked
            Whether contexts have a second set of channels that tells which pixels were observed.
        """
        from nowcast.scaling import Scaler
        from nowcast.tensors import Windows

        return Windows(self.cube, self.plan, scaler or Scaler("unit", 0.0, 1.0), masked=masked)

    def loader(self, scaler: Scaler | None = None, *, masked: bool = True, batch: int = 16, **options: Any) -> Loader:
        """As batches `(b t c h w)` in a new order each epoch, cut from blocks that are read once: many times faster.

        Parameters
        ----------
        scaler, masked
            As `torch`.
        options
            Of `nowcast.tensors.Loader`: `memory`, `seed`, `shuffle`, `workers`, `rank`, `world`, `device`.
        """
        from nowcast.tensors import Loader

        return Loader([self.torch(scaler, masked=masked)], batch=batch, **options)
