"""What the user says of files that do not say it themselves, and what is to be made of them: one closed set of words.

Each field is a keyword of `open_cube`, a flag of every verb that reads, and a setting under `data:`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

from nowcast.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Options", "given"]

OF_THE_DAY = {"variable", "channel", "start_time", "since", "until", "trust_pickle", "remote", "missing"}
"""What a model does not remember of how its files were read: it concerns one file, or is a risk taken once."""


def _told(help_text: str) -> Any:
    return field(default=None, metadata={"help": help_text})


def _asked(help_text: str) -> Any:
    return field(default=False, metadata={"help": help_text})


def given(options: Mapping[str, Any] | None) -> dict[str, Any]:
    """The options that say something: what is None or False was left open."""
    return {name: value for name, value in (options or {}).items() if value is not None and value is not False}


@dataclass(frozen=True, kw_only=True)
class Options:
    """How to read. Values are as typed; the methods parse them.

    Raises
    ------
    InputError
        By the methods: text that means nothing, by the flag's name.
    """

    variable: str | None = _told("the field, where a file holds several")
    channel: str | int | None = _told("one channel of several, by name or number")
    axes: str | None = _told("a letter for each axis of an unlabelled stack, such as TYX, TZCYX")
    time_step: str | float | None = _told("between frames, where the file does not say: 30s, 5min")
    start_time: str | None = _told("of the first frame, where the file does not say: 2026-05-01T12:00")
    pixel_size: str | float | None = _told("of a side, where the file does not say: 0.35um, 1km")
    z: str | int | None = _told("of a stack: max, mean, sum, or the number of a plane")
    colour_table: str | None = _told("what the colours of a palette mean: meteoswiss, or a CSV of index,value")
    rgb: bool = _asked("keep the three colours of a video or picture, not their grey")
    trust_pickle: bool = _asked("unpickle dates in .npz files: this can run any program that the file holds")
    remote: bool = _asked("PATH may be the address of a zarr store: s3://, https://, gs://, file://")
    missing: str | None = _told("nan: read what is absent or cut off as missing, and record it")
    missing_value: float | None = _told("a value that stands for missing, where the file does not say: 0")
    classes: str | None = _told("of a field of classes, those to forecast, as 1 where it is one of them: 7,8")
    zr: str | None = _told("reflectivity to rain by Z = a R^b: a,b such as 223,1.53")
    since: str | None = _told("leave out frames before this time, ISO 8601")
    until: str | None = _told("leave out frames after this time, ISO 8601")
    crop: str | None = _told("rows and columns to keep: 100:356,0:256")
    coarsen: int | None = _told("average blocks of so many pixels along each side")
    size: str | None = _told("resize frames to so many rows and columns: 128x128")

    @classmethod
    def names(cls) -> dict[str, str]:
        """Every option with its one line of help."""
        return {each.name: str(each.metadata["help"]) for each in fields(cls)}

    def given(self) -> dict[str, Any]:
        """What was said, without what was left open."""
        return given({each.name: getattr(self, each.name) for each in fields(self)})

    def remembered(self) -> dict[str, Any]:
        """What was given and holds for the next files of the kind too; a table of colours only if it is one by name."""
        table = str(self.colour_table or "").isidentifier()
        return {
            name: value
            for name, value in self.given().items()
            if name not in OF_THE_DAY and (name != "colour_table" or table)
        }

    def step_seconds(self) -> float | None:
        """`time_step` in seconds; a plain number is seconds."""
        if self.time_step is None:
            return None
        import pandas as pd

        text = str(self.time_step)
        try:
            seconds = float(text) if _NUMBER.fullmatch(text) else pd.Timedelta(text).total_seconds()
        except ValueError:
            seconds = 0.0
        if not 0 < seconds < float("inf"):
            raise _unlike("--time-step", text, "a duration such as 30s, 5min, 2h")
        return seconds

    def first_moment(self) -> pd.Timestamp | None:
        """`start_time` in UTC, without a time zone."""
        return _moment("--start-time", self.start_time)

    def span(self) -> tuple[pd.Timestamp | None, pd.Timestamp | None]:
        """`since` and `until` in UTC, without a time zone."""
        return _moment("--since", self.since), _moment("--until", self.until)

    def pixel(self) -> tuple[float, str] | None:
        """`pixel_size` as a number and its unit ("" where none was given)."""
        if self.pixel_size is None:
            return None
        found = _LENGTH.fullmatch(str(self.pixel_size).strip())
        if found is None or float(found[1]) <= 0:
            raise _unlike("--pixel-size", str(self.pixel_size), "a length such as 0.35um, 250nm, 1km")
        return float(found[1]), found[2].replace("µ", "u").replace("micron", "um")

    def window(self) -> tuple[slice, slice] | None:
        """`crop` as slices of rows and columns."""
        if self.crop is None:
            return None
        found = _CROP.fullmatch(_text(self.crop))
        if found is None:
            raise _unlike("--crop", _text(self.crop), "rows and columns as first:stop, such as 100:356,0:256")
        low_y, high_y, low_x, high_x = (int(part) if part else None for part in found.groups())
        return slice(low_y, high_y), slice(low_x, high_x)

    def shape(self) -> tuple[int, int] | None:
        """`size` as rows and columns."""
        if self.size is None:
            return None
        found = _SIZE.fullmatch(_text(self.size))
        if found is None or min(int(found[1]), int(found[2] or found[1])) < 1:
            raise _unlike("--size", _text(self.size), "rows x columns, such as 128x128")
        return int(found[1]), int(found[2] or found[1])

    def factor(self) -> int:
        """`coarsen`; 1 leaves the pixels as they are."""
        text = "1" if self.coarsen is None else str(self.coarsen)
        if not text.isdecimal() or int(text) < 1:
            raise _unlike("--coarsen", text, "a whole number of pixels, such as 2")
        return int(text)

    def lenient(self) -> bool:
        """Whether what is absent or cut off is read as missing, by `missing`, and is no error."""
        if self.missing not in (None, "nan"):
            raise _unlike("--missing", str(self.missing), "nan, or nothing")
        return self.missing is not None

    def stands_for_missing(self) -> float | None:
        """`missing_value` as a number."""
        if self.missing_value is None:
            return None
        return _numbers("--missing-value", self.missing_value, "one number such as 0")[0]

    def marshall_palmer(self) -> tuple[float, float] | None:
        """`zr` as a and b of Z = a R^b."""
        if self.zr is None:
            return None
        numbers = _numbers("--zr", self.zr, "a,b such as 223,1.53")
        if len(numbers) != 2 or min(numbers) <= 0:
            raise _unlike("--zr", _text(self.zr), "a,b such as 223,1.53")
        return numbers[0], numbers[1]

    def codes(self) -> Sequence[int] | None:
        """`classes` as integers."""
        if self.classes is None:
            return None
        needed = "whole numbers such as 7,8"
        numbers = _numbers("--classes", self.classes, needed)
        if not all(number.is_integer() for number in numbers):
            raise _unlike("--classes", _text(self.classes), needed)
        return [int(number) for number in numbers]


_NUMBER = re.compile(r"[0-9]*\.?[0-9]+(?:e[+-]?[0-9]+)?", re.IGNORECASE)
_LENGTH = re.compile(r"([0-9]*\.?[0-9]+(?:e[+-]?[0-9]+)?)\s*(nm|um|µm|micron|mm|cm|m|km|)", re.IGNORECASE)
_CROP = re.compile(r"(\d*):(\d*),(\d*):(\d*)")
_SIZE = re.compile(r"(\d+)(?:[x×,](\d+))?")


def _unlike(flag: str, text: str, needed: str) -> InputError:
    return InputError(f"{flag} {text!r} cannot be understood", needed=needed)


def _moment(flag: str, text: str | None) -> pd.Timestamp | None:
    if text is None:
        return None
    import pandas as pd

    try:
        stamp = pd.Timestamp(text)
    except (ValueError, OverflowError):
        raise _unlike(flag, text, "a time such as 2026-05-01T12:00") from None
    if stamp is pd.NaT:
        raise _unlike(flag, text, "a time such as 2026-05-01T12:00")
    return stamp if stamp.tzinfo is None else stamp.tz_convert("UTC").tz_localize(None)


def _text(value: Any) -> str:
    """As it would be typed: in Python, a pair may be a pair."""
    typed = ",".join(map(str, value)) if isinstance(value, Sequence) and not isinstance(value, str) else str(value)
    return typed.replace(" ", "")


def _numbers(flag: str, value: Any, needed: str) -> list[float]:
    try:
        numbers = [float(part) for part in _text(value).split(",")]
    except ValueError:
        numbers = []
    if not numbers or not all(map(math.isfinite, numbers)):
        raise _unlike(flag, _text(value), needed)
    return numbers
