"""Cell Tracking Challenge: folders 01, 02 of one TIFF per frame (Maška et al. 2023, doi:10.1038/s41592-023-01879-y)."""

from __future__ import annotations

import re
from pathlib import Path

import xarray as xr

from nowcast.datasets.clips import Clip, one_cube, with_defaults
from nowcast.errors import InputError
from nowcast.readers.options import Options

__all__ = ["ctc"]

FRAME = re.compile(r"t(\d{3,5})\.tiff?", re.IGNORECASE)
SEQUENCE = re.compile(r"\d\d")

KNOWN = {
    "BF-C2DL-HSC": ("5min", "0.645um"),
    "BF-C2DL-MuSC": ("5min", "0.645um"),
    "DIC-C2DH-HeLa": ("10min", "0.19um"),
    "Fluo-C2DL-Huh7": ("15min", "0.65um"),
    "Fluo-N2DH-GOWT1": ("5min", "0.24um"),
    "Fluo-N2DL-HeLa": ("30min", "0.645um"),
    "PhC-C2DH-U373": ("15min", "0.65um"),
    "PhC-C2DL-PSC": ("10min", "1.6um"),
    "Fluo-N2DH-SIM+": ("29min", "0.125um"),
}
"""Time step and pixel size by the folder's name, from https://celltrackingchallenge.net/2d-datasets/. Fluo-C2DL-MSC is
not among them: its two sequences differ."""


def ctc(folder: Path, options: Options) -> xr.DataArray:
    """The sequences below the folder, or the folder as one sequence; ground truth (01_GT, 01_ST) is not read.

    Raises
    ------
    InputError
        No sequence, no time step where the folder's name tells none, or sequences of different sizes.
    """
    inside = {entry.name: entry for entry in sorted(folder.iterdir()) if entry.is_dir()}
    places = [entry for name, entry in inside.items() if SEQUENCE.fullmatch(name)] or [folder]
    clips = [Clip(tuple(frames), place.name) for place in places if (frames := _frames(place))]
    if not clips:
        raise InputError(
            f"{folder}: holds no sequence of the Cell Tracking Challenge",
            found=", ".join(sorted(inside)[:8]) or "no folders",
            needed="folders 01, 02 of t000.tif, t001.tif, ...",
        )
    known = next((KNOWN[name] for name in (folder.name, folder.parent.name) if name in KNOWN), None)
    if options.time_step is None and known is None:
        raise InputError(
            f"{folder}: nothing says how far apart the frames are",
            found=f"a folder {folder.name!r}, whose time step is not known here",
            needed="the time step, from https://celltrackingchallenge.net/2d-datasets/",
            next_step="--time-step 10min",
        )
    if known is not None:
        options = with_defaults(options, time_step=known[0], pixel_size=known[1])
    return one_cube(clips, options)


def _frames(place: Path) -> list[Path]:
    numbered = {path: found for path in place.iterdir() if (found := FRAME.fullmatch(path.name)) and path.is_file()}
    return sorted(numbered, key=lambda path: int(numbered[path][1]))
