"""The versions that matter to what a run gives, from what is installed, without importing any of it."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

from nowcast import __version__

__all__ = ["versions"]

MATTER = ("torch", "lightning", "numpy", "xarray", "dask", "zarr", "netCDF4", "h5py", "safetensors")


def versions() -> dict[str, str]:
    """Of nowcast, Python and the packages in between, by name; a package that is missing is said to be."""
    return {
        "nowcast": __version__,
        "python": platform.python_version(),
        **{name: installed(name) or "missing" for name in MATTER},
    }


def installed(name: str) -> str | None:
    """The version of a package as its metadata tell it; None where it is not installed."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None
