"""KTH Actions: 25 persons, six actions, 25 frames a second (Schuldt et al. 2004, doi:10.1109/ICPR.2004.1334462).

Persons 1 to 16 are for training and 17 to 25 for the test, at 128 x 128 pixels, 10 frames in and 20 out, as video
prediction has it since Villegas et al. 2017 (arXiv:1706.08033).
"""

from __future__ import annotations

import re
import warnings
from pathlib import Path

import xarray as xr

from nowcast.datasets.clips import Clip, find_clips, one_cube, with_defaults
from nowcast.errors import InputError, NowcastWarning
from nowcast.readers.options import Options

__all__ = ["kth"]

NAME = re.compile(r"person(\d\d)_([a-z]+)_d([1-4])_uncomp\.avi", re.IGNORECASE)
LAST_TRAINING_PERSON = 16


def kth(folder: Path, options: Options) -> xr.DataArray:
    """Clips below the folder as sequences, with their part by person and their action as label; grey.

    Raises
    ------
    InputError
        No clip of KTH is there, or what `open_cube` refuses.
    MachineError
        The package av is lacking.
    """
    clips, others = [], 0
    for path in find_clips(folder, ".avi"):
        name = NAME.fullmatch(path.name)
        if name is None:
            others += 1
            continue
        part = "training" if int(name[1]) <= LAST_TRAINING_PERSON else "test"
        clips.append(Clip((path,), path.stem, part, name[2].lower()))
    if not clips:
        raise InputError(
            f"{folder}: holds no clip of KTH Actions",
            found=f"{others} other .avi file(s)",
            needed="files such as person01_walking_d1_uncomp.avi, in it or below it",
        )
    if others:
        warnings.warn(f"{folder}: {others} .avi file(s) not named as KTH's are left out", NowcastWarning, stacklevel=2)
    cube = one_cube(clips, with_defaults(options, size="128x128"))
    return cube.assign_attrs(suggested_context=10, suggested_horizon=20)
