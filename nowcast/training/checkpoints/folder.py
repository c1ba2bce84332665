"""The checkpoints in a run's folder: which is taken up, which are kept, and how Lightning writes them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from lightning.pytorch.plugins.io import CheckpointIO

from nowcast.errors import InputError
from nowcast.progress import tell
from nowcast.training.checkpoints.file import DamagedError, read, versions, write

__all__ = ["BEST", "KEPT", "OURS", "PlainCheckpoints", "newest", "prune", "step_path"]

BEST = "best.ckpt"
KEPT = 3
"""Of those that training can be taken up from, the newest."""

OURS = "nowcast"
"""The part of a checkpoint that is not Lightning's."""

OLD = "last.ckpt"
"""What nowcast once wrote by pickle."""

_NAME = re.compile(r"step-(\d{8,})\.ckpt")


class PlainCheckpoints(CheckpointIO):
    """What Lightning saves and restores, as files of `nowcast.training.checkpoints.file`."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        write(Path(path), checkpoint)

    def load_checkpoint(self, path: Any, map_location: Any = None, weights_only: bool | None = None) -> dict[str, Any]:
        return read(Path(path))

    def remove_checkpoint(self, path: Any) -> None:
        Path(path).unlink(missing_ok=True)


def step_path(folder: Path, step: int) -> Path:
    """Of the checkpoint after so many steps."""
    return folder / f"step-{step:08}.ckpt"


def newest(folder: Path) -> tuple[Path, dict[str, Any]] | None:
    """The newest whole checkpoint and what it holds, or None if none was written yet.

    Damaged ones after it are told, with how many steps are lost.

    Raises
    ------
    InputError
        All are damaged, or they are of an older or a newer nowcast.
    """
    there = _steps(folder)
    damaged: list[DamagedError] = []
    for step in sorted(there, reverse=True):
        try:
            state = read(there[step])
        except DamagedError as error:
            damaged.append(error)
            continue
        if damaged:
            lost = max(there) - step
            for each in damaged:
                tell(f"beware   {each.what} ({each.found})")
            tell(f"resume   from {there[step].name}, the newest whole one: {lost} step(s) are lost and done again")
        others = [f"{name} {was}" for name, was in state["versions"].items() if versions()[name] != was]
        if others:
            tell(f"beware   begun by {', '.join(others)}: what follows need not be the same to the bit")
        return there[step], state
    if damaged:
        raise InputError(
            f"{folder}: all {len(damaged)} checkpoint(s) are damaged; nothing was changed",
            found="\n          ".join(f"{each.what} ({each.found})" for each in damaged),
            next_step="begin another run: leave out --resume, and name another --run",
        )
    if (folder / OLD).exists():
        read(folder / OLD)
    return None


def prune(folder: Path, step: int) -> None:
    """Let go of all but the newest checkpoints up to that step; those after it are damaged, or of a course left."""
    there = _steps(folder)
    kept = sorted(number for number in there if number <= step)[-KEPT:]
    for number, path in there.items():
        if number not in kept:
            path.unlink(missing_ok=True)


def _steps(folder: Path) -> dict[int, Path]:
    named = ((_NAME.fullmatch(path.name), path) for path in folder.glob("step-*.ckpt"))
    return {int(match[1]): path for match, path in named if match}
