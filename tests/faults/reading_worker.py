"""Reads files in a process of its own, one line of JSON in, one out: what the fuzzing of `fuzzing.py` drives.

In:  {"path": ..., "options": {...}}
Out: {"outcome": "read" | "refused" | "traceback" | "memory", "told": ..., "parts": {name: digest}, "warned": [...],
      "grown": bytes}
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import resource
import sys
import traceback
import warnings
from pathlib import Path
from typing import Any

ADDRESS_SPACE = 12 * 2**30
"""More than this is refused by the system: the machine survives what a file claims."""

MOST_GROWTH = 350 * 2**20
"""Resident memory may rise by so much while a file of a few megabytes is read."""

LARGEST = 256 * 2**20
"""Of a cube that claims more bytes, only the first and last frames are read."""


def main() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print must not get between the answers
    import dask

    import nowcast  # noqa: F401

    dask.config.set(scheduler="synchronous")
    for line in sys.stdin:
        case = json.loads(line)
        answers.write(json.dumps(outcome_of(Path(case["path"]), case["options"])) + "\n")
        answers.flush()


def outcome_of(path: Path, options: dict[str, Any]) -> dict[str, Any]:
    from nowcast.errors import NowcastError, NowcastWarning

    _forget_peak()
    before = _kilobytes("VmRSS")
    answer: dict[str, Any] = {"told": "", "parts": {}, "warned": []}
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        try:
            answer |= {"outcome": "read", "parts": parts_of(path, options)}
        except NowcastError as error:
            answer |= {"outcome": "refused", "told": f"{type(error).__name__} {error}"}
        except Exception as error:
            where = "".join(traceback.format_exception(error))
            answer |= {"outcome": "traceback", "told": f"{type(error).__name__}: {error}", "where": where}
    answer["warned"] = [str(each.message) for each in told if issubclass(each.category, NowcastWarning)]
    answer["grown"] = (_kilobytes("VmHWM") - before) * 1024
    if answer["grown"] > MOST_GROWTH:
        answer |= {"outcome": "memory", "told": f"grew by {answer['grown'] / 1e6:.0f} MB; {answer['told']}"}
    return answer


def parts_of(path: Path, options: dict[str, Any]) -> dict[str, str]:
    """Digests of what a cube says: shape, values, units, coordinates, grid mapping. Free text is no part."""
    import nowcast
    from nowcast.cube import grid_mapping, label
    from nowcast.errors import NowcastWarning
    from nowcast.readers import reading

    cube = nowcast.open_cube(path, **options)
    if "absent_chunks" in cube.attrs:
        warnings.warn(f"absent chunks: {cube.attrs['absent_chunks']}", NowcastWarning, stacklevel=2)  # inspect tells
    parts = {"shape": str(cube.shape), "name": str(cube.name), "units": str(cube.attrs.get("units"))}
    part = cube if cube.nbytes <= LARGEST else cube.isel(time=[0, -1], y=slice(0, 64), x=slice(0, 64))
    with reading(label(cube)):
        parts["values"] = _digest(part.astype("float64").values)
        for name, coordinate in cube.coords.items():
            if name in ("time", "y", "x", "channel", "sequence", "lat", "lon", "latitude", "longitude"):
                parts[f"coordinate {name}"] = _digest(coordinate.values)
                parts[f"units of {name}"] = str(coordinate.attrs.get("units"))
    mapping = grid_mapping(cube)
    if mapping is not None:
        numbers = {str(key): str(value) for key, value in mapping.attrs.items() if not isinstance(value, str)}
        parts["projection"] = f"{mapping.attrs.get('grid_mapping_name')} {sorted(numbers.items())}"
    return parts


def _digest(values: Any) -> str:
    import numpy as np

    values = np.asarray(values)
    if values.dtype.kind == "f":
        values = np.where(np.isnan(values), np.nan, values)
    if values.dtype.kind in "OUT":
        return hashlib.sha256(repr(values.tolist()).encode()).hexdigest()
    return hashlib.sha256(np.ascontiguousarray(values).tobytes()).hexdigest()


def _forget_peak() -> None:
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def _kilobytes(name: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1])
    return 0


if __name__ == "__main__":
    main()
