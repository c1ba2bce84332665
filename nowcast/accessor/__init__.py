"""`cube.nowcast`: what a cube can be asked for in a notebook, without a command line.

`import nowcast` gives it to every DataArray and Dataset, before or after `import xarray`.
"""

from __future__ import annotations

from nowcast.accessor.arrays import NowcastAccessor
from nowcast.accessor.windows import LabelledWindows

__all__ = ["LabelledWindows", "NowcastAccessor"]
