"""netCDF4 is imported before warnings are errors: its wheels warn at import of what numpy declares harmless."""

from __future__ import annotations

import warnings

with warnings.catch_warnings():
    warnings.filterwarnings("ignore", message="numpy.ndarray size changed")
    import netCDF4  # noqa: F401
