"""UCF-101: clips of 101 actions, with three published splits (Soomro et al. 2012, arXiv:1212.0402)."""

from __future__ import annotations

import re
import warnings
from pathlib import Path

import xarray as xr

from nowcast.datasets.clips import Clip, find_clips, one_cube
from nowcast.errors import InputError, NowcastWarning
from nowcast.readers import reading
from nowcast.readers.options import Options

__all__ = ["LISTS_URL", "ucf101"]

LISTS_URL = "https://www.crcv.ucf.edu/data/UCF101/UCF101TrainTestSplits-RecognitionTask.zip"

NAME = re.compile(r"v_([A-Za-z]+)_g(\d\d)_c\d\d\.avi", re.IGNORECASE)

FRAMES_PER_SECOND = 25.0
"""As published. Some clips state 29.97; frames are then counted as everybody does who reads them by number."""

TEST_GROUPS = {1: range(1, 8), 2: range(8, 15), 3: range(15, 22)}
"""The groups (of clips cut from one video) that the published lists of each split hold for the test."""

LARGEST_LIST = 5_000_000


def ucf101(folder: Path, options: Options, *, split: int = 1) -> xr.DataArray:
    """Clips below the folder as sequences, with their part by the published lists and their action as label; grey.

    Without `trainlist01.txt` and `testlist01.txt` the parts are those of the groups in the clips' names, which is how
    the lists were made.

    Parameters
    ----------
    split
        1, 2 or 3: which of the published splits.

    Raises
    ------
    InputError
        No clip of UCF-101, lists that name none of the clips, or what `open_cube` refuses.
    MachineError
        The package av is lacking.
    """
    if split not in TEST_GROUPS:
        raise InputError("ucf101: no such split", found=str(split), needed="1, 2 or 3")
    found = {path: NAME.fullmatch(path.name) for path in find_clips(folder, ".avi")}
    names = {path: name for path, name in found.items() if name is not None}
    if not names:
        raise InputError(
            f"{folder}: holds no clip of UCF-101",
            found=f"{len(found)} other .avi file(s)",
            needed="files such as ApplyEyeMakeup/v_ApplyEyeMakeup_g01_c01.avi, in it or below it",
        )
    lists = _lists(folder, split)
    if lists is None:
        warnings.warn(
            f"{folder}: trainlist0{split}.txt and testlist0{split}.txt are not at hand; parts are those of the groups "
            f"in the clips' names, as the lists have them ({LISTS_URL})",
            NowcastWarning,
            stacklevel=2,
        )
        lists = {
            path.name.lower(): "test" if int(name[2]) in TEST_GROUPS[split] else "training"
            for path, name in names.items()
        }
    clips = [
        Clip((path,), path.stem, lists[path.name.lower()], name[1])
        for path, name in names.items()
        if path.name.lower() in lists
    ]
    if not clips:
        raise InputError(
            f"{folder}: no clip is in the lists of split {split}",
            found=f"{len(names)} clip(s), {len(lists)} in the lists",
            next_step=f"fetch the published lists: {LISTS_URL}",
        )
    if len(clips) < len(found):
        told = f"{folder}: {len(found) - len(clips)} .avi file(s) that are in no list of split {split} are left out"
        warnings.warn(told, NowcastWarning, stacklevel=2)
    step = options.step_seconds() or 1 / FRAMES_PER_SECOND
    return one_cube(clips, options, step=step).assign_attrs(published_split=split)


def _lists(folder: Path, split: int) -> dict[str, str] | None:
    """The part of each clip, by its file's name in small letters (the lists spell some otherwise than the files)."""
    for inside in (folder, folder / "ucfTrainTestlist", folder.parent / "ucfTrainTestlist"):
        files = {"training": inside / f"trainlist0{split}.txt", "test": inside / f"testlist0{split}.txt"}
        if all(file.is_file() for file in files.values()):
            return {name: part for part, file in files.items() for name in _names(file)}
    return None


def _names(file: Path) -> list[str]:
    if file.stat().st_size > LARGEST_LIST:
        raise InputError(f"{file}: too large for a list of clips", found=f"{file.stat().st_size} bytes")
    with reading(str(file)):
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    return [line.split()[0].replace("\\", "/").rsplit("/", 1)[-1].lower() for line in lines if line.strip()]
