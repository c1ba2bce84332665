"""A file opens as a cube, windows become tensors, a model answers with a forecast cube, which is written and scored."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nowcast.readers import open_cube as open_cube
    from nowcast.run import evaluate as evaluate
    from nowcast.run import fit as fit
    from nowcast.run import forecast as forecast
    from nowcast.run import inspect as inspect
    from nowcast.writers import write_cube as write_cube

__version__ = "0.1.0"

_HOMES = {
    "open_cube": "nowcast.readers",
    "write_cube": "nowcast.writers",
    "fit": "nowcast.run",
    "forecast": "nowcast.run",
    "evaluate": "nowcast.run",
    "inspect": "nowcast.run",
}

__all__ = ["__version__", "evaluate", "fit", "forecast", "inspect", "open_cube", "write_cube"]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        import_module("nowcast.accessor")
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'nowcast' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__


if "xarray" in sys.modules:  # it is loaded already: `cube.nowcast` weighs nothing more
    import_module("nowcast.accessor")
