"""How much of a field's variance lies at which scale: what a blurred forecast lacks, whatever its squared error.

Radially averaged power spectral density, as Ruzanski and Chandrasekar 2011 (doi:10.1109/TGRS.2010.2103946) and pysteps'
`rapsd`, with two differences: frames are windowed, because a rain field does not go on at the left where it ends at the
right, and rings are of physical wavenumber, so that frames and pixels need not be square.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr

from nowcast.cube import grid_step, label
from nowcast.errors import InputError

__all__ = [
    "SOURCE",
    "density_units",
    "log_spectral_distance",
    "pixel_size",
    "power_spectrum",
    "ring_averages",
    "wave_coords",
]

SOURCE = "doi:10.1109/TGRS.2010.2103946"

SMALLEST = 8
"""Rows and columns below which there are not even four rings."""


def power_spectrum(cube: xr.DataArray, *, window: bool = True) -> xr.DataArray:
    """Radially averaged power spectral density of each frame.

    The density integrates to the variance over the plane of wavenumbers: white noise of variance s lies at s times the
    area of a pixel. The mean (weighted by the window) is taken off; no other trend is.

    Parameters
    ----------
    cube
        A cube `(time, channel, y, x)` or a forecast cube; any dims beside `y` and `x`. Frames with a missing pixel are
        left out, because what would be filled in has a spectrum of its own: crop to where all pixels are observed.
    window
        Whether frames are weighted by a Hann window along both sides (Harris 1978, doi:10.1109/PROC.1978.10837),
        against leakage from their borders. It mixes neighbouring rings; the two lowest ones say little.

    Returns
    -------
    xarray.DataArray
        The cube's dims with `wavenumber` instead of `y` and `x`, NaN for frames left out. `wavenumber`, cycles per unit
        of length from the longer side's first to the coarser axis' Nyquist, and `wavelength` are in the unit of `y` and
        `x` where both have the same one, else in pixels. Average it over what dims are to be pooled.

    Raises
    ------
    InputError
        No `y` and `x`, fewer than 8 pixels along a side, or no frame without a missing pixel.
    """
    if not {"y", "x"} <= set(cube.dims):
        raise InputError(f"{label(cube)}: no frames to take spectra of", found=str(cube.dims), needed="dims y and x")
    cube = cube.transpose(..., "y", "x")
    shape = cube.shape[-2:]
    if min(shape) < SMALLEST:
        raise InputError(
            f"{label(cube)}: too small for a spectrum",
            found=f"{shape[0]} x {shape[1]} pixels",
            needed=f"{SMALLEST} x {SMALLEST}",
        )
    pixel, unit = pixel_size(cube)
    wavenumber, spectrum_of = ring_averages(shape, pixel, window=window)

    def averaged(frames: np.ndarray) -> np.ndarray:
        spectra = np.full((*frames.shape[:-2], len(wavenumber)), np.nan)
        for place in np.ndindex(frames.shape[:-2]):
            if np.isfinite(frames[place]).all():
                spectra[place] = spectrum_of(frames[place])
        return spectra

    found: xr.DataArray = xr.apply_ufunc(
        averaged,
        cube.chunk({"y": -1, "x": -1}) if cube.chunks else cube,
        input_core_dims=[["y", "x"]],
        output_core_dims=[["wavenumber"]],
        dask="parallelized",
        output_dtypes=[float],
        dask_gufunc_kwargs={"output_sizes": {"wavenumber": len(wavenumber)}},
    ).compute()
    if np.isnan(found).all():
        raise InputError(
            f"{label(cube)}: every frame has missing pixels, and a spectrum needs whole ones",
            next_step="crop to where all pixels are observed: cube.isel(y=slice(...), x=slice(...)), or --crop",
        )
    attrs = {
        "long_name": "radially averaged power spectral density",
        "units": density_units(str(cube.attrs.get("units", "1")), unit),
        "window": "Hann" if window else "none",
        "source": SOURCE,
    }
    waves = wave_coords(wavenumber, unit)
    return found.assign_coords(waves).rename("power_spectrum").assign_attrs(attrs)


def log_spectral_distance(forecast: xr.DataArray, observed: xr.DataArray) -> xr.DataArray:
    """Root mean square over wavenumbers of `10 log10(forecast / observed)`: 0 where both spectra are the same.

    Gray and Markel 1976, doi:10.1109/TASSP.1976.1162849. Rings count alike, so that the many of short wavelengths
    count most.

    Parameters
    ----------
    forecast, observed
        Power spectra with the dim `wavenumber`, averaged over the frames that are compared.

    Returns
    -------
    xarray.DataArray
        In dB; the dims without `wavenumber`.

    Raises
    ------
    InputError
        Other wavenumbers in one than in the other.
    """
    ours, theirs = (each["wavenumber"].values for each in (forecast, observed))
    if ours.shape != theirs.shape or not np.allclose(ours, theirs, rtol=1e-3, atol=0):
        raise InputError("two spectra of other wavenumbers cannot be compared", needed="frames of one size and grid")
    with np.errstate(divide="ignore", invalid="ignore"):  # a field that is the same everywhere has no variance
        ratio = forecast / observed.assign_coords(wavenumber=forecast["wavenumber"])
        decibels: xr.DataArray = 10 * xr.apply_ufunc(np.log10, ratio)
    distance = (decibels**2).mean("wavenumber", skipna=False) ** 0.5
    attrs = {"long_name": "log-spectral distance", "units": "dB", "source": "doi:10.1109/TASSP.1976.1162849"}
    return distance.rename("log_spectral_distance").assign_attrs(attrs)


def pixel_size(cube: xr.DataArray) -> tuple[tuple[float, float], str]:
    """Height and width of a pixel, and their unit."""
    step = grid_step(cube)
    if step is None or not step["units"] or cube["y"].attrs.get("units") != step["units"]:
        return (1.0, 1.0), "pixel"
    return (step["y"], step["x"]), step["units"]


def wave_coords(wavenumber: np.ndarray, unit: str) -> dict[str, Any]:
    """Both coordinates along `wavenumber`."""
    return {
        "wavenumber": ("wavenumber", wavenumber, {"long_name": "radial wavenumber", "units": f"{unit}-1"}),
        "wavelength": ("wavenumber", 1 / wavenumber, {"long_name": "wavelength", "units": unit}),
    }


def density_units(units: str, unit: str) -> str:
    """Of a field's spectral density, by the field's units and that of its pixels' size."""
    return f"({units})2 {unit}2"


def ring_averages(
    shape: tuple[int, ...], pixel: tuple[float, float], *, window: bool = True
) -> tuple[np.ndarray, Callable[[np.ndarray], np.ndarray]]:
    """The wavenumbers of frames of this shape, and what takes the spectrum of one without a missing pixel."""
    high, wide = pixel
    ring, wavenumber = _rings(shape, high, wide)
    weight = np.outer(*(_hann(side) for side in shape)) if window else np.ones(shape)
    half = shape[1] // 2 + 1
    # A real field's components come in pairs: those of the left half stand for the right half's too.
    twice = np.full(half, 2.0)
    twice[0] = 1.0
    if shape[1] % 2 == 0:
        twice[-1] = 1.0
    scale = twice * high * wide / (weight**2).sum()
    members = np.bincount(ring.ravel(), minlength=len(wavenumber) + 2)
    ring = ring[:, :half].ravel()

    def spectrum_of(frame: np.ndarray) -> np.ndarray:
        values = frame.astype(float)
        values -= (weight * values).sum() / weight.sum()
        found = np.fft.rfft2(weight * values)
        power = (found.real**2 + found.imag**2) * scale
        spectrum: np.ndarray = (np.bincount(ring, power.ravel(), minlength=len(members)) / members)[1:-1]
        return spectrum

    return wavenumber, spectrum_of


def _rings(shape: tuple[int, ...], high: float, wide: float) -> tuple[np.ndarray, np.ndarray]:
    """The number of the ring of each component `(y, x)`, past the last for what lies in no whole ring; wavenumbers."""
    down, along = np.fft.fftfreq(shape[0], high), np.fft.fftfreq(shape[1], wide)
    step = 1 / max(shape[0] * high, shape[1] * wide)
    rings = int(min(0.5 / high, 0.5 / wide) / step + 1e-6)
    number = np.rint(np.hypot(down[:, None], along) / step).astype(int)
    return np.minimum(number, rings + 1), step * np.arange(1, rings + 1)


def _hann(side: int) -> np.ndarray:
    """Its zeros lie half a pixel outside of the frame."""
    return 0.5 - 0.5 * np.cos(2 * np.pi * (np.arange(side) + 0.5) / side)
