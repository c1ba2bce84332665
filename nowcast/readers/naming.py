"""Times in the names of files, where neither an axis nor an attribute tells them."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import numpy as np

__all__ = ["name_time"]

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
