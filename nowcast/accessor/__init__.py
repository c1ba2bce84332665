"""`cube.nowcast`: what a cube can be asked for in a notebook, without a command line.

`import nowcast` gives it to every DataArray and Dataset, before or after `import xarray`.
Any module of nowcast may be the first to import xarray: so no other room is imported at the top here.
"""

from __future__ import annotations

from nowcast.accessor.arrays import NowcastAccessor
from nowcast.accessor.windows import LabelledWindows

__all__ = ["LabelledWindows", "NowcastAccessor"]
