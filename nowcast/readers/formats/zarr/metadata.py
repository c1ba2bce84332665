"""The files of metadata of a zarr store as plain data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from nowcast.errors import InputError
from nowcast.readers.damage import damaged, reading

__all__ = ["content_of"]

LARGEST_METADATA = 2**26


def content_of(file: Path) -> dict[str, Any]:
    """What a file of metadata holds; nothing where there is none.

    Raises
    ------
    InputError
        It cannot be read, or holds no JSON object.
    """
    if not file.is_file():
        return {}
    with reading(str(file)):
        size = file.stat().st_size
        text = file.read_bytes() if size <= LARGEST_METADATA else b""
    if not text:
        raise _damaged(file, f"{size} bytes")
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _damaged(file, f"no JSON: {error}") from error
    if not isinstance(content, dict):
        raise _damaged(file, f"JSON that is a {type(content).__name__}, not an object")
    return content


def _damaged(file: Path, found: str) -> InputError:
    return damaged(
        file,
        "metadata of a zarr store that cannot be used",
        found=found[:300],
        needed="a JSON object",
    )
