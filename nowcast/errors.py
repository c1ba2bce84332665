"""What a user can cause is told in the user's words: where, what was found, what was needed, what to do next."""

from __future__ import annotations

import re

__all__ = ["InputError", "MachineError", "NowcastError", "NowcastWarning", "StoppedError", "UnsafeError", "printable"]

_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff]")
"""All but tab and newline of the control characters, and those that turn the direction of writing."""


def printable(text: str) -> str:
    """The text with its control characters spelt out: names and attributes of files must not steer a terminal."""
    return _UNSEEN.sub(lambda found: ascii(found[0])[1:-1], text)


class NowcastError(Exception):
    """The parent of everything that the command line prints without a traceback; its texts are made `printable`.

    Parameters
    ----------
    what
        One line: the file, variable or time concerned, and what is wrong with it.
    found, needed
        What stood there, and what would have been right.
    next_step
        What to type or do now.
    """

    exit_code = 2

    def __init__(
        self,
        what: str,
        *,
        found: str | None = None,
        needed: str | None = None,
        next_step: str | None = None,
    ) -> None:
        self.what = printable(what)
        self.found = found and printable(found)
        self.needed = needed and printable(needed)
        self.next_step = next_step and printable(next_step)
        super().__init__(self.what)

    def __str__(self) -> str:
        lines = [self.what]
        for label, text in (("found", self.found), ("needed", self.needed), ("next", self.next_step)):
            if text:
                lines.append(f"  {label + ':':<8}{text}")
        return "\n".join(lines)


class InputError(NowcastError):
    """Bad input or usage: the files, options or model do not fit (exit code 2)."""

    exit_code = 2


class MachineError(NowcastError):
    """The surroundings fail: disk, memory, permission, a missing extra (exit code 3)."""

    exit_code = 3


class UnsafeError(NowcastError):
    """Refused because a file asks for something that could do harm (exit code 4)."""

    exit_code = 4


class StoppedError(NowcastError):
    """A signal asked for the end, and what was done is kept (exit code 128 and the signal's number, as of a shell)."""

    def __init__(self, what: str, *, found: str | None = None, next_step: str | None = None, signal: int = 2) -> None:
        super().__init__(what, found=found, next_step=next_step)
        self.exit_code = 128 + signal


class NowcastWarning(UserWarning):
    """Something that was done without being asked for, or left out, and that the user should know."""
