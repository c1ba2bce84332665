"""The verb that tells what there is to work with."""

from __future__ import annotations

import platform
import tempfile
from pathlib import Path
from typing import Any

from nowcast.cli.ending import set_debug
from nowcast.cli.flags import Debug, Json
from nowcast.cli.telling import print_json

__all__ = ["doctor"]

LITTLE_SPACE = 2_000_000_000
"""Bytes free below which it is said: checkpoints and stores are written beside what they replace."""


def doctor(as_json: Json = False, debug: Debug = False) -> None:
    """What is installed, what is missing and what the machine has. A small file tries the disk."""
    set_debug(debug)
    found = examined(Path.cwd())
    if as_json:
        print_json(found)
    else:
        print("\n".join(_lines(found)))  # noqa: T201


def examined(folder: Path) -> dict[str, Any]:
    """All of it as plain data; sizes in bytes, speeds in bytes a second, None where nothing is known."""
    from nowcast import machine
    from nowcast.installed import EXTRAS, versions

    found: dict[str, Any] = {
        "versions": versions(),
        "extras": {
            name: {"opens": each.opens, "packages": list(each.packages), "missing": list(each.missing)}
            for name, each in EXTRAS.items()
        },
        "system": platform.platform(),
        "cores": machine.cores(),
        "threads": machine.threads(),
        "memory_free": machine.free_memory(),
        "gpus": machine.gpus(),
        "folder": {"path": str(folder), "free": machine.space(folder), "write": None, "read": None},
        "temporary": {"path": tempfile.gettempdir(), "free": machine.space(tempfile.gettempdir())},
        "beware": [],
    }
    try:
        found["folder"] |= machine.disk_speed(folder)
    except OSError as error:
        found["beware"].append(f"{folder} cannot be written: {error.strerror}")
    for name in ("folder", "temporary"):
        if found[name]["free"] < LITTLE_SPACE:
            found["beware"].append(f"little space is left in {found[name]['path']}")
    if found["threads"] and found["cores"] and found["threads"] < found["cores"]:
        found["beware"].append(f"torch uses {found['threads']} of {found['cores']} cores (OMP_NUM_THREADS)")
    return found


def _lines(found: dict[str, Any]) -> list[str]:
    from nowcast.sizes import told

    def size(value: float | None) -> str:
        return "unknown" if value is None else told(value)

    lines = [f"{name:<14}{version}" for name, version in found["versions"].items()]
    lines += ["", "extras"]
    for name, each in found["extras"].items():
        lines.append(f"  {name:<12}{'missing  ' if each['missing'] else 'installed'}  {each['opens']}")
        if each["missing"]:
            lines.append(f"  {'':<12}           pip install 'nowcast[{name}]'")
    folder, temporary = found["folder"], found["temporary"]
    speeds = f", {told(folder['write'])}/s written, {told(folder['read'])}/s read" if folder["write"] else ""
    gpus = [f"{each['name']}, {told(each['memory_bytes'])}" for each in found["gpus"]]
    lines += [
        "",
        "machine",
        f"  system      {found['system']}",
        f"  cores       {found['cores']}, {found['threads']} thread(s) of torch",
        f"  memory      {size(found['memory_free'])} free",
        *(f"  GPU         {each}" for each in gpus or ["none that torch sees"]),
        f"  folder      {folder['path']}: {told(folder['free'])} free{speeds}",
        f"  temporary   {temporary['path']}: {told(temporary['free'])} free",
    ]
    return [*lines, "", *(f"beware      {each}" for each in found["beware"])] if found["beware"] else lines
