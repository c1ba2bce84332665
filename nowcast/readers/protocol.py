"""The seam behind which formats live: a reader knows its files by their content and opens them as a lazy dataset."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol, runtime_checkable

import xarray as xr

from nowcast.readers.options import Options

__all__ = ["Reader"]


@runtime_checkable
class Reader(Protocol):
    """One format. `nowcast.readers.labelling.gridded` makes the cube, so a reader need not know what a cube is.

    A new format is a class of its own module, listed in `opening.READERS`; the first that recognises a path opens it.
    """

    name: str
    """What messages call the format."""

    def recognises(self, path: Path) -> bool:
        """Whether the first bytes (or, for a folder, its layout) are this format's; the name does not count.

        The path exists, and is a folder or a regular file that may be read. Never raises for what it holds.
        """
        ...

    def open(self, path: Path, options: Options) -> xr.Dataset:
        """Open without reading the data. Of the options, those that concern the format are obeyed here.

        Values may be as stored, with CF attributes that say how to decode them (`scale_factor`, `_FillValue`, time
        units, ...), or final. Variables are dask-backed, or lazy with the wanted chunks, in source dims, in
        `encoding["preferred_chunks"]`. A variable's `encoding["absent_chunks"]` says "N of M" where chunks are absent.

        Raises
        ------
        InputError
            The file is damaged.
        UnsafeError
            The file asks for something that could do harm.
        """
        ...
