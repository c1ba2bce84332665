"""What the machine has: cores, memory, GPUs, and how quick the disk of a folder is."""

from __future__ import annotations

import os
import platform
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

from nowcast.sizes import told

__all__ = ["cores", "described", "device", "disk_speed", "free_memory", "gpus", "hardware", "space", "threads"]

PIECE = 4_000_000
"""Bytes written at a time."""


def described() -> dict[str, Any]:
    """Kind, system, cores that may be used, threads of torch, bytes of memory, GPUs; None where it does not say."""
    return {
        "kind": platform.machine(),
        "system": platform.platform(),
        "cores": cores(),
        "threads": threads(),
        "memory_bytes": _memory(),
        "gpus": [each["name"] for each in gpus()],
    }


def hardware() -> str:
    """The machine in a line."""
    it = described()
    memory = [] if it["memory_bytes"] is None else [told(it["memory_bytes"])]
    return ", ".join([f"{it['kind']}, {it['cores']} core(s), {it['threads']} thread(s)", *memory, *it["gpus"]])


def cores() -> int | None:
    """CPU cores that this program may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def threads() -> int | None:
    """Threads that torch computes with; None where it is not installed."""
    try:
        import torch
    except ImportError:
        return None
    return torch.get_num_threads()


def free_memory() -> int | None:
    """Bytes of main memory that a program may still take, or None where the machine does not say."""
    found = [_available(), _left_to_the_group()]
    return min((each for each in found if each is not None), default=None)


def device() -> str:
    """Where networks are trained and asked: `"cuda"` where torch sees a GPU, else `"cpu"`."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def gpus() -> list[dict[str, Any]]:
    """Name and memory of each GPU that torch sees; none where torch is not installed."""
    try:
        import torch
    except ImportError:
        return []
    if not torch.cuda.is_available():
        return []
    found = [torch.cuda.get_device_properties(number) for number in range(torch.cuda.device_count())]
    return [{"name": each.name, "memory_bytes": each.total_memory} for each in found]


def space(folder: str | os.PathLike[str]) -> int:
    """Free bytes where a folder lies.

    Raises
    ------
    OSError
        There is no such folder.
    """
    return shutil.disk_usage(folder).free


def disk_speed(folder: str | os.PathLike[str], *, size: int = 64_000_000, seconds: float = 1.0) -> dict[str, float]:
    """Bytes a second, written and then read again, by a file that is gone afterwards.

    Parameters
    ----------
    size, seconds
        Of what is written, at most: whichever comes first.

    Raises
    ------
    OSError
        The folder cannot be written.
    """
    piece = os.urandom(PIECE)
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".nowcast-", suffix=".part", buffering=0) as file:
        begun, written = time.perf_counter(), 0
        while written < size and (not written or time.perf_counter() - begun < seconds):
            written += file.write(piece)
        os.fsync(file.fileno())
        took = time.perf_counter() - begun
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)  # so that it is read from the disk
        file.seek(0)
        begun = time.perf_counter()
        while file.read(PIECE):
            pass
        return {"write": written / took, "read": written / (time.perf_counter() - begun)}


def _available() -> int | None:
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration, ValueError):
        pass
    return _memory()


def _memory() -> int | None:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return None


def _left_to_the_group() -> int | None:
    """Below the limit of a container."""
    for most, used in (
        ("memory.max", "memory.current"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
    ):
        try:
            limit, taken = (int((Path("/sys/fs/cgroup") / name).read_text()) for name in (most, used))
        except (OSError, ValueError):  # no such group, or "max"
            continue
        return max(0, limit - taken)
    return None
