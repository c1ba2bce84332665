"""Which commit of a git checkout something was done in, and whether files were changed since; nothing where none is."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import nowcast

__all__ = ["checkouts", "state_of"]

LONGEST = 5.0
"""Seconds that git may take: a repository of many files on a slow disk is not waited for."""

INERT = ("--no-optional-locks", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null")
"""So that git writes nothing, and starts no program that a repository names."""


def checkouts() -> dict[str, Any]:
    """Of the working directory, and of nowcast where it is run from a checkout of its own."""
    package = Path(nowcast.__file__).parent
    tracked = _git(package, "ls-files", "--error-unmatch", "__init__.py") is not None
    return {"working_directory": state_of(Path.cwd()), "nowcast": state_of(package) if tracked else None}


def state_of(folder: Path) -> dict[str, Any] | None:
    """`{"commit", "branch", "dirty"}`; None where there is no checkout, no commit yet, or no git.

    `dirty` is whether files that git knows were changed; those that it does not know are not looked for.
    """
    told = _git(folder, "status", "--porcelain=v2", "--branch", "--untracked-files=no")
    if told is None:
        return None
    lines = told.splitlines()
    head = dict(line[2:].split(" ", 1) for line in lines if line.startswith("# branch."))
    commit = head.get("branch.oid", "(initial)")
    if commit == "(initial)":
        return None
    return {
        "commit": commit,
        "branch": head.get("branch.head"),
        "dirty": any(not line.startswith("#") for line in lines),
    }


def _git(folder: Path, *words: str) -> str | None:
    """What git says in the folder; None where it fails."""
    program = shutil.which("git")
    if program is None:
        return None
    try:
        ended = subprocess.run(  # noqa: S603
            [program, *INERT, *words],
            cwd=folder,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=LONGEST,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return ended.stdout if ended.returncode == 0 else None
