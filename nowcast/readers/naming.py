"""What names of files tell: their order, and times, where neither an axis nor an attribute tells them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from math import gcd
from pathlib import Path

import numpy as np

__all__ = ["Place", "name_time", "natural", "places"]

_DIGIT = r"(?<!\d)"
_PATTERNS = (
    # GOES-R: s + year + day of year + hour, minute, second + tenths: the start of the scan
    re.compile(r"_s(?P<Y>\d{4})(?P<j>\d{3})(?P<H>\d\d)(?P<M>\d\d)(?P<S>\d\d)\d(?=_|\.|$)"),
    # MeteoSwiss: a product of three letters + year of the century + day of year + hour, minute
    re.compile(r"^[A-Z]{3}(?P<y>\d\d)(?P<j>\d{3})(?P<H>\d\d)(?P<M>\d\d)(?!\d)"),
    re.compile(_DIGIT + r"(?P<Y>\d{4})(?P<m>\d\d)(?P<d>\d\d)[T_-]?(?P<H>\d\d)(?P<M>\d\d)(?P<S>\d\d)?Z?(?!\d)"),
    re.compile(
        _DIGIT + r"(?P<Y>\d{4})-(?P<m>\d\d)-(?P<d>\d\d)[T_ -](?P<H>\d\d)[:_-]?(?P<M>\d\d)(?:[:_-]?(?P<S>\d\d))?Z?(?!\d)"
    ),
)
_YEARS = range(1950, 2101)


_RUNNING = re.compile(r"(\d+)\D*$", re.ASCII)
_SPARSE = 100
"""Where numbers in names leave more gaps to a file than these, they do not count frames."""


@dataclass(frozen=True)
class Place:
    """Which frame of a series a file is, for files of one frame that nothing else gives a time."""

    number: int
    order: str
    """The series as messages tell it: its first and its last name."""

    twice: str | None = None
    """Two files whose names count the same frame: then there is no series."""


def natural(path: Path) -> list[tuple[int, int, str]]:
    """A key to sort by, with 2 before 10."""
    parts = re.split(r"(\d+)", str(path))
    return [(0, int(part), part) if part.isdigit() and part.isascii() else (1, 0, part) for part in parts]


def places(files: Sequence[Path]) -> list[Place | None]:
    """The place of each file in the series that they may be, in the order given; None for a file alone.

    The last number in the names counts frames, from 0 and by its common step, so that missing files are gaps; where
    names have none, natural order does.
    """
    if len(files) == 1:
        return [None]
    ordered = sorted(files, key=natural)
    numbers = [int(found[1]) if (found := _RUNNING.search(file.stem)) else None for file in ordered]
    counted = [number for number in numbers if number is not None]
    index = dict(zip(ordered, range(len(ordered)), strict=True))
    twice = None
    if len(counted) == len(files):
        first_of: dict[int, Path] = {}
        for file, number in zip(ordered, counted, strict=True):
            if first_of.setdefault(number, file) != file:
                twice = twice or f"{first_of[number]} and {file}"
        lowest, step = min(counted), max(1, gcd(*(number - min(counted) for number in counted)))
        rising = all(earlier < later for earlier, later in pairwise(counted))
        if rising and (counted[-1] - lowest) // step <= _SPARSE * len(files):
            index = {file: (number - lowest) // step for file, number in zip(ordered, counted, strict=True)}
    order = f"{ordered[0].name} … {ordered[-1].name}"
    return [Place(index[file], order, twice) for file in files]


def name_time(name: str) -> np.datetime64 | None:
    """The one moment that a file's name states, datetime64[ns] in UTC; None if it states none, or two that differ."""
    for pattern in _PATTERNS:
        moments = {moment for found in pattern.finditer(name) if (moment := _moment(found.groupdict())) is not None}
        if len(moments) > 1 and pattern is not _PATTERNS[0]:
            return None
        if moments:
            return np.datetime64(min(moments), "ns")
    return None


def _moment(part: dict[str, str | None]) -> datetime | None:
    number = {key: int(value) for key, value in part.items() if value is not None}
    year = number["Y"] if "Y" in number else 2000 + number["y"] if number["y"] < 70 else 1900 + number["y"]
    try:
        if "j" in number:
            day = datetime(year, 1, 1) + timedelta(days=number["j"] - 1)
            if day.year != year:
                return None
        else:
            day = datetime(year, number["m"], number["d"])
        moment = day.replace(hour=number["H"], minute=number["M"], second=number.get("S", 0))
    except (ValueError, OverflowError):
        return None
    return moment if year in _YEARS else None
