"""What is installed, from the packages' own metadata: nothing is imported to know it."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from importlib import metadata

from nowcast import __version__

__all__ = ["EXTRAS", "Extra", "installed", "versions"]

PACKAGES = (
    "torch", "lightning", "numpy", "xarray", "dask", "zarr", "netCDF4", "h5py", "scipy", "scikit-image", "tifffile",
    "av", "pillow",
)  # fmt: skip
"""Those that figures depend on, where they are installed."""


@dataclass(frozen=True)
class Extra:
    """Packages that the core does without, and what they are for."""

    packages: tuple[str, ...]
    opens: str

    @property
    def missing(self) -> tuple[str, ...]:
        return tuple(name for name in self.packages if installed(name) is None)


EXTRAS = {
    "video": Extra(("av",), "AVI, MP4 and MKV, read and written"),
    "microscopy": Extra(("imagecodecs",), "TIFF compressed by LZW, zstd, JPEG"),
    "radar": Extra(("pyproj",), "projections of ODIM and KNMI HDF5 and of FMI PGM"),
    "geotiff": Extra(("pyproj", "imagecodecs"), "GeoTIFF, compressed too"),
    "grib": Extra(("cfgrib", "eccodes", "pyproj"), "GRIB 1 and 2"),
    "cluster": Extra(("distributed",), "--dask: work on a cluster"),
    "remote": Extra(("aiohttp",), "--remote: zarr stores over https; s3://, gs://: s3fs, gcsfs too"),
    "pysteps": Extra(("pysteps", "opencv-python-headless"), "--baselines pysteps,steps; --model pysteps"),
    "track": Extra(("tensorboard",), "curves of training in TensorBoard"),
    "tune": Extra(("optuna",), "nowcast tune: a search over settings"),
}
"""The extras of `pip install 'nowcast[NAME]'`, but those to develop nowcast with."""


def versions() -> dict[str, str]:
    """Of nowcast, Python and the packages that figures depend on, by name."""
    found = {name: installed(name) for name in PACKAGES}
    own = {"nowcast": __version__, "python": platform.python_version()}
    return own | {name: version for name, version in found.items() if version is not None}


def installed(name: str) -> str | None:
    """The version of a package, None where it is not installed."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
