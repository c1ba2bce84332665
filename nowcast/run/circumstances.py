"""What a run was begun on and with, for its report: paths, machine, software."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
import xarray as xr

from nowcast.atomic import write_text
from nowcast.run.folder import CIRCUMSTANCES

__all__ = ["hardware", "write_circumstances"]


def write_circumstances(place: Path, source: Any) -> None:
    """Write `circumstances.json` into a run's folder; `source` is what `nowcast.fit` was given."""
    told = {
        "sources": _paths(source),
        "begun": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "hardware": hardware(),
        "python": platform.python_version(),
    }
    write_text(place / CIRCUMSTANCES, json.dumps(told, indent=2))


def _paths(source: Any) -> list[str]:
    if isinstance(source, str | os.PathLike):
        return [os.fspath(source)]
    if isinstance(source, xr.DataArray) or not isinstance(source, Iterable):
        return []
    return [os.fspath(each) for each in source if isinstance(each, str | os.PathLike)]


def hardware() -> str:
    """The machine: its kind, the cores that may be used, GPUs."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    parts = [f"{platform.machine()}, {cores} core(s)"]
    if torch.cuda.is_available():
        parts += [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    return ", ".join(parts)
