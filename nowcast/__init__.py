"""A file opens as a cube, windows become tensors, a model answers with a forecast cube, which is written and scored."""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec
    from types import ModuleType

    from nowcast.readers import open_cube as open_cube
    from nowcast.run import evaluate as evaluate
    from nowcast.run import fit as fit
    from nowcast.run import forecast as forecast
    from nowcast.run import inspect as inspect
    from nowcast.run import open_run as open_run
    from nowcast.run import tune as tune
    from nowcast.writers import write_cube as write_cube

__version__ = "0.1.0"

_HOMES = {
    "open_cube": "nowcast.readers",
    "write_cube": "nowcast.writers",
    "fit": "nowcast.run",
    "forecast": "nowcast.run",
    "evaluate": "nowcast.run",
    "inspect": "nowcast.run",
    "open_run": "nowcast.run",
    "tune": "nowcast.run",
}

__all__ = ["__version__", "evaluate", "fit", "forecast", "inspect", "open_cube", "open_run", "tune", "write_cube"]


if not TYPE_CHECKING:  # so that a misspelt name is seen by who checks types

    def __getattr__(name: str) -> Any:
        if name in _HOMES:
            return getattr(import_module(_HOMES[name]), name)
        raise AttributeError(f"module 'nowcast' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__


class _WithXarray:
    """Waits among the finders of modules until xarray is imported, gives its arrays their `nowcast`, and is gone.

    So `import nowcast` weighs nothing, and may stand before `import xarray`, where sorted imports put it.
    """

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        if name != "xarray":
            return None
        sys.meta_path.remove(self)
        spec = find_spec(name)
        if spec is None or spec.loader is None:
            return spec
        execute = spec.loader.exec_module

        def exec_module(module: ModuleType) -> None:
            execute(module)
            _give(module)

        spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


def _give(xarray: ModuleType) -> None:
    """Arrays get their `nowcast`, loaded when first asked for: a module of ours may be half imported yet."""

    def nowcast(source: object) -> object:
        return import_module("nowcast.accessor").NowcastAccessor(source)

    xarray.register_dataset_accessor("nowcast")(nowcast)
    xarray.register_dataarray_accessor("nowcast")(nowcast)


if "xarray" in sys.modules:
    _give(sys.modules["xarray"])
else:
    sys.meta_path.insert(0, _WithXarray())
