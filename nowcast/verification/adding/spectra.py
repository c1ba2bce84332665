"""Spectra of forecasts and truth by lead time, as sums over frames: on one rectangle, wherever all of it is known."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import xarray as xr

from nowcast.errors import InputError
from nowcast.verification.spectrum import pixel_size, ring_averages, wave_coords

__all__ = ["SMALLEST_AREA", "SPECTRA", "Area", "Spectra", "central_area", "checked_area"]

SMALLEST_AREA = 32
"""Rows and columns below which a spectrum tells too little of a field to be scored."""

Area = tuple[int, int, int, int]
"""Rows from, to, columns from, to."""

_RINGS = ("lead_time", "wavenumber")
SPECTRA: dict[str, tuple[str, ...]] = {
    "spectrum_frames": ("lead_time",),
    "power_observed": _RINGS,
    "power": ("forecaster", *_RINGS),
    "power_matched": ("forecaster", *_RINGS),
}
"""The sums of one reference time, and their dims."""


class Spectra:
    """Adds up spectra of frames. The area, unless it is given, is chosen at the first case that allows one.

    All pixels of the area are known then in the truth and in every forecast, at every lead time that is known at all;
    frames of which any is missing are left out for all.
    """

    def __init__(self, observed: xr.DataArray, forecasters: int, leads: int, area: Area | None) -> None:
        self.area: Area | None = None
        self._pixel, self._unit = pixel_size(observed)
        self._count = forecasters, leads
        self._wavenumber = np.empty(0)
        self._spectrum: Callable[[np.ndarray], np.ndarray] | None = None
        if area is not None:
            self._settle(area)

    def _settle(self, area: Area) -> None:
        self.area = area
        shape = (area[1] - area[0], area[3] - area[2])
        self._wavenumber, self._spectrum = ring_averages(shape, self._pixel)

    def see(self, masks: Sequence[np.ndarray]) -> None:
        """Choose the area by where the frames of one case are known, dims `(y, x)` each, unless it is chosen."""
        usable = [mask for mask in masks if mask.any()]
        if self.area is None and usable:
            area = central_area(np.logical_and.reduce(usable))
            if area is not None:
                self._settle(area)

    def coords(self) -> dict[str, object]:
        """Along `wavenumber`; empty as long as there is no area."""
        return {} if self.area is None else dict(wave_coords(self._wavenumber, self._unit))

    def empty_row(self) -> dict[str, np.ndarray]:
        """Sums of nothing, without the dim of reference times; empty as long as there is no area."""
        if self.area is None:
            return {}
        sizes = dict(zip(("forecaster", "lead_time"), self._count, strict=True), wavenumber=len(self._wavenumber))
        return {name: np.zeros([sizes[dim] for dim in dims]) for name, dims in SPECTRA.items()}

    def add(
        self,
        row: dict[str, np.ndarray],
        lead: int,
        truth: np.ndarray,
        fields: Sequence[tuple[np.ndarray, np.ndarray]],
        valid: np.ndarray,
    ) -> None:
        """Add one frame to a row in place; `fields` are each forecaster's mean and matched one, dims `(y, x)`."""
        if self.area is None or self._spectrum is None:
            return
        part = np.s_[self.area[0] : self.area[1], self.area[2] : self.area[3]]
        if not valid[part].all():
            return
        row["spectrum_frames"][lead] += 1
        row["power_observed"][lead] += self._spectrum(truth[part])
        for member, (mean, matched) in enumerate(fields):
            of_mean = self._spectrum(mean[part])
            row["power"][member, lead] += of_mean
            row["power_matched"][member, lead] += of_mean if matched is mean else self._spectrum(matched[part])


def central_area(mask: np.ndarray) -> Area | None:
    """The largest rectangle about the centre of what is known, without a missing pixel; None below `SMALLEST_AREA`."""
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return None
    top, left, bottom, right = int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1
    known = mask[top:bottom, left:right]
    if not known.all():
        # Seen from the centre, all four quarters as one: what is known in each of them.
        half, wide = known.shape[0] // 2, known.shape[1] // 2
        folded = known[: 2 * half, : 2 * wide]
        folded = (folded & folded[::-1])[half:]
        folded = (folded & folded[:, ::-1])[:, wide:]
        if not folded.size:
            return None
        reach = np.minimum.accumulate(np.where(folded.all(axis=1), wide, folded.argmin(axis=1)))
        height = int(((np.arange(half) + 1) * reach).argmax()) + 1
        width = int(reach[height - 1])
        top, bottom, left, right = top + half - height, top + half + height, left + wide - width, left + wide + width
    if min(bottom - top, right - left) < SMALLEST_AREA:
        return None
    return top, bottom, left, right


def checked_area(area: Sequence[int] | None, observed: xr.DataArray) -> Area | None:
    """The area as whole numbers.

    Raises
    ------
    InputError
        None that lies in the grid and is large enough.
    """
    if area is None:
        return None
    told = [int(edge) for edge in area]
    inside = len(told) == 4 and 0 <= told[0] < told[1] <= observed.sizes["y"] and 0 <= told[2] < told[3]
    inside = inside and told[3] <= observed.sizes["x"]
    if not inside or min(told[1] - told[0], told[3] - told[2]) < SMALLEST_AREA:
        raise InputError(
            "spectrum_area: no spectra can be taken there",
            found=str(list(area)),
            needed=f"rows from, to, columns from, to, {SMALLEST_AREA} of each at least, within "
            f"{observed.sizes['y']} x {observed.sizes['x']} pixels",
        )
    return told[0], told[1], told[2], told[3]
