"""What a run is computed on and with: the machine and the packages."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import torch

from nowcast import __version__
from nowcast.sizes import told

__all__ = ["hardware", "machine", "versions"]

PACKAGES = (
    "torch", "lightning", "numpy", "xarray", "dask", "zarr", "netCDF4", "h5py", "scipy", "scikit-image", "tifffile",
    "av", "pillow",
)  # fmt: skip
"""Those that figures depend on, where they are installed."""


def versions() -> dict[str, str]:
    """Of nowcast, Python and the packages that figures depend on."""
    found = {"nowcast": __version__, "python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def machine() -> dict[str, Any]:
    """Kind, system, cores that may be used, threads of torch, bytes of memory, GPUs; None where it does not say."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    gpus = range(torch.cuda.device_count()) if torch.cuda.is_available() else ()
    return {
        "kind": platform.machine(),
        "system": platform.platform(),
        "cores": cores,
        "threads": torch.get_num_threads(),
        "memory_bytes": _memory(),
        "gpus": [torch.cuda.get_device_name(index) for index in gpus],
    }


def hardware() -> str:
    """The machine in a line."""
    it = machine()
    memory = [] if it["memory_bytes"] is None else [told(it["memory_bytes"])]
    return ", ".join([f"{it['kind']}, {it['cores']} core(s), {it['threads']} thread(s)", *memory, *it["gpus"]])


def _memory() -> int | None:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return None
