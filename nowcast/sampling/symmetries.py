"""In which positions a window is as good a sample as it stands: what turns and mirror images the physics allows."""

from __future__ import annotations

import re
from typing import NamedTuple

import xarray as xr

from nowcast.cube import grid_mapping, grid_step, label
from nowcast.errors import InputError

__all__ = ["Symmetry", "symmetries"]

_VECTOR = re.compile(r"(east|north|x_|y_|zonal|meridional)\w*(wind|velocity|motion|displacement)|^[uv](10)?$", re.I)
_DEGREES = re.compile(r"degrees?(_.*)?|rad(ians?)?", re.I)


class Symmetry(NamedTuple):
    """Mirrored left to right or not, then turned by so many right angles, counterclockwise as rows and columns lie."""

    mirrored: bool
    turns: int


AS_IT_IS = Symmetry(False, 0)
TURNS = tuple(Symmetry(False, turns) for turns in range(4))
MIRRORS = (AS_IT_IS, Symmetry(True, 0), Symmetry(True, 2), Symmetry(False, 2))
ALL = tuple(Symmetry(mirrored, turns) for mirrored in (False, True) for turns in range(4))


def symmetries(cube: xr.DataArray, patch: tuple[int, int], asked: str) -> tuple[Symmetry, ...]:
    """Which may be applied to training windows; time is never turned.

    `auto` allows on a map with square pixels the four turns (weather has a handedness: the Coriolis force and the
    veering of winds have no mirror image); on latitudes and longitudes nothing (a degree is no fixed length); under a
    microscope all eight; of a video the mirror image alone (things fall down). Patches that are not square are not
    turned by one right angle.

    Parameters
    ----------
    asked
        `none`, `auto`, `rotations`, `flips` or `all`.

    Raises
    ------
    InputError
        What is asked for has no meaning on this grid.
    """
    if asked == "none":
        return (AS_IT_IS,)
    step = grid_step(cube)
    units = "" if step is None else str(step["units"] or "")
    degrees = bool(_DEGREES.fullmatch(units))
    square = patch[0] == patch[1] and (step is None or abs(step["y"] - step["x"]) <= 0.01 * step["x"])
    if asked == "auto":
        if degrees or _is_vector(cube):
            return (AS_IT_IS,)
        mapped = grid_mapping(cube) is not None
        if step is None or (units in {"", "1"} and not mapped):  # pixels are counted, as coarsened video does
            return (AS_IT_IS, Symmetry(True, 0))
        on_a_map = mapped or units in {"m", "km", "metre", "metres", "meter", "meters"}
        allowed = TURNS if on_a_map else ALL
        return allowed if square else tuple(each for each in allowed if not each.turns % 2)
    reason = None
    if _is_vector(cube):
        reason = "its components would have to be turned too", f"{cube.name}, a component of a vector"
    elif degrees:
        reason = "a degree of longitude is no fixed length", f"pixels in {units}"
    elif asked in {"rotations", "all"} and not square:
        reason = "pixels and patches must be square to be turned", f"patches of {patch[0]} x {patch[1]}"
    if reason is not None:
        raise InputError(
            f"{label(cube)}: --augment {asked} is not possible here; {reason[0]}",
            found=reason[1],
            next_step="--augment auto takes what is",
        )
    return {"rotations": TURNS, "flips": MIRRORS, "all": ALL}[asked]


def _is_vector(cube: xr.DataArray) -> bool:
    names = [str(cube.attrs.get("standard_name", "")), str(cube.name)]
    if "channel" in cube.coords:
        names += [str(name) for name in cube["channel"].values.ravel().tolist()]
    return any(_VECTOR.search(name) for name in names)
