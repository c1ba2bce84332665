"""Overlapping tiles that cover a field too large to be forecast at once."""

from __future__ import annotations

from typing import NamedTuple

from nowcast.errors import InputError
from nowcast.windows.plans import corners_of

__all__ = ["Tile", "tiles"]


class Tile(NamedTuple):
    """A piece of the field: rows and columns."""

    y: slice
    x: slice


def tiles(size: tuple[int, int], *, tile: int, halo: int, multiple: int = 1) -> list[Tile]:
    """Overlapping tiles that cover a field; neighbours share `2 * halo` pixels at least. A small field is one tile.

    Parameters
    ----------
    multiple
        Tiles start at multiples of it: of the squares of pixels that a model folds, so that the tiled and the whole
        field are folded alike. The last tile ends at the border and may be smaller.

    Raises
    ------
    InputError
        A halo that leaves less than `multiple` pixels of the tile.
    """
    stride = (tile - 2 * halo) // multiple * multiple
    if stride < 1:
        raise InputError(
            "the tile is too small for its halo, on both sides, and a step to the next one",
            found=f"a tile of {tile} pixels, a halo of {halo}",
            needed=f"a tile of {2 * halo + multiple} at least",
        )
    rows, columns = (
        sorted({-(-corner // multiple) * multiple for corner in corners_of(length, min(tile, length), stride)})
        for length in size
    )
    return [Tile(slice(y, min(y + tile, size[0])), slice(x, min(x + tile, size[1]))) for y in rows for x in columns]
