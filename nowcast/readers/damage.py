"""Errors of the libraries below, met while data is read, told as damage of the file that they were met in."""

from __future__ import annotations

import contextlib
import errno
import lzma
import re
import zlib
from collections.abc import Iterator

from nowcast.errors import InputError, MachineError, NowcastError

__all__ = ["LONGEST_SIDE", "damaged", "parsing", "reading", "told"]

LONGEST_SIDE = 50_000
"""Pixels along a side of a frame; a header that states more is taken for damage."""

_MACHINE = {errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EMFILE, errno.ENFILE, errno.ENOMEM}

_DAMAGE = re.compile(
    r"netcdf|hdf|blosc|zstd|lz4|zlib|gzip|decompress|decod|codec|checksum|crc32|filter|truncat|corrupt"
    r"|reshape array|buffer size|buffer is smaller|inflat",
    re.IGNORECASE,
)


@contextlib.contextmanager
def reading(what: str, *, part: str = "it") -> Iterator[None]:
    """Within it, errors of a damaged file become an `InputError` that begins with `what` (a file, a variable).

    Raises
    ------
    InputError
        The bytes cannot be read or decoded.
    MachineError
        Permission, memory or file handles are lacking, not the file.
    """
    try:
        yield
    except NowcastError:
        raise
    except OSError as error:
        if error.errno in _MACHINE:
            raise MachineError(f"{what}: cannot be read", found=told(error)) from error
        raise _damaged(what, error, part) from error
    except (EOFError, zlib.error, lzma.LZMAError) as error:
        raise _damaged(what, error, part) from error
    except (RuntimeError, ValueError) as error:
        # These two are also the errors of mistakes in programs: only what speaks of files and codecs is damage.
        if not _DAMAGE.search(f"{type(error).__name__} {error}"):
            raise
        raise _damaged(what, error, part) from error


@contextlib.contextmanager
def parsing(what: str, *, part: str = "it") -> Iterator[None]:
    """As `reading`, and every other error too: within it nothing but `what` (a file) and its content is dealt with.

    What failed stays the cause of the error, for `--debug`: a mistake of ours looks the same until then.

    Parameters
    ----------
    part
        What of the file is being read.

    Raises
    ------
    InputError
        The file is damaged, or not what it seems to be.
    MachineError
        Permission, memory or file handles are lacking, or what the file claims would need too much of them.
    """
    try:
        with reading(what, part=part):
            yield
    except (NowcastError, Warning):
        raise
    except MemoryError as error:
        raise MachineError(
            f"{what}: {part} needs more memory than there is",
            found=told(error),
            next_step="give fewer files, or --crop",
        ) from error
    except Exception as error:
        raise _damaged(what, error, part, named=True) from error


def damaged(
    what: object,
    how: str = "it cannot be read",
    *,
    found: str | None = None,
    needed: str = "a complete file",
    next_step: str = "fetch or write it again, or leave it out",
) -> InputError:
    """The error of a damaged file, or part of one: `what` is its name, `how` in what it is damaged."""
    return InputError(
        f"{what}: damaged, {how}", found=None if found is None else found[:300], needed=needed, next_step=next_step
    )


def told(error: Exception) -> str:
    """The first line of an error's own words, or its name where it has none."""
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0][:300]


def _damaged(what: str, error: Exception, part: str, *, named: bool = False) -> InputError:
    words = f"{type(error).__name__}: {told(error)}" if named else told(error)
    return damaged(what, f"{part} cannot be read", found=words)
