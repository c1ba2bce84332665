"""What a run was begun on and with, and how long it took: `circumstances.json` in its folder."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import xarray as xr

from nowcast import machine
from nowcast.atomic import write_text
from nowcast.cube import DATASET_PREFIX
from nowcast.description.hashing import fingerprint
from nowcast.installed import versions
from nowcast.plain_json import parsed
from nowcast.run.folder import CIRCUMSTANCES
from nowcast.run.folder.checkout import checkouts

__all__ = ["Durations", "begun_on", "circumstances", "licences", "paths_of", "taken_up"]

LICENCES = ("license", "licence", "rights", "copyright")
"""Attributes of a file, in small letters, that tell what may be done with its data."""


def begun_on(place: Path, source: Any, cubes: Sequence[xr.DataArray]) -> None:
    """Write down what a run begins with.

    Parameters
    ----------
    source
        What `nowcast.fit` was given.
    cubes
        What was read of it.
    """
    told = {
        "sources": paths_of(source),
        "fingerprints": [fingerprint(cube) for cube in cubes],
        "licences": licences(cubes),
        "begun": _now(),
        **_surroundings(),
    }
    write_text(place / CIRCUMSTANCES, json.dumps(told, indent=2))


def taken_up(place: Path) -> None:
    """Write down that a run goes on, and on what machine, with what versions."""
    told = circumstances(place)
    told["resumed"] = [*told.get("resumed", ()), {"at": _now(), **_surroundings()}]
    write_text(place / CIRCUMSTANCES, json.dumps(told, indent=2))


def circumstances(place: Path) -> dict[str, Any]:
    """What is known of a run; empty where nothing is, or where it cannot be read."""
    with suppress(OSError, ValueError):
        told = parsed((place / CIRCUMSTANCES).read_bytes())
        return told if isinstance(told, dict) else {}
    return {}


def licences(cubes: Sequence[xr.DataArray]) -> list[str]:
    """What the files state of their licence, in their own words, each once."""
    found = [
        str(value).strip()
        for cube in cubes
        for key, value in cube.attrs.items()
        if str(key).removeprefix(DATASET_PREFIX).lower() in LICENCES and str(value).strip()
    ]
    return list(dict.fromkeys(found))


class Durations:
    """Seconds that the phases of a verb take; of a run that is taken up again, added to those of before."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._before: dict[str, Any] | None = None

    @contextlib.contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Within it time passes for this phase, also where it ends by an error."""
        start = time.monotonic()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.monotonic() - start

    def keep(self, place: Path, *, steps: int = 0) -> None:
        """Write them into the run's folder; with `steps`, those trained now, how long one took, validation included."""
        told = circumstances(place)
        if self._before is None:
            before = told.get("durations")
            self._before = dict(before) if isinstance(before, dict) else {}
        if steps:
            self._before["seconds_a_step"] = round(self.seconds["training"] / steps, 4)
        summed = {name: round(self._before.get(name, 0) + each, 2) for name, each in self.seconds.items()}
        write_text(place / CIRCUMSTANCES, json.dumps({**told, "durations": {**self._before, **summed}}, indent=2))


def _surroundings() -> dict[str, Any]:
    return {"hardware": machine.hardware(), "machine": machine.described(), "versions": versions(), "git": checkouts()}


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")


def paths_of(source: Any) -> list[str]:
    """The paths that `nowcast.fit` was given; none for cubes."""
    if isinstance(source, str | os.PathLike):
        return [os.fspath(source)]
    if isinstance(source, xr.DataArray) or not isinstance(source, Iterable):
        return []
    return [os.fspath(each) for each in source if isinstance(each, str | os.PathLike)]
