"""Configurations and protocols as plain data: YAML that can make no object and refer to nothing, not even to itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from nowcast.errors import InputError, UnsafeError

__all__ = ["LARGEST_FILE", "read_plain"]

LARGEST_FILE = 1_000_000
"""Bytes."""


def read_plain(path: Path) -> dict[str, Any]:
    """Plain data of a YAML file: a mapping, without tags, objects and aliases; a key without a value is empty.

    Raises
    ------
    InputError
        No such file, no YAML, no mapping.
    UnsafeError
        Too large, or YAML that asks for objects or refers to itself.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such configuration file")
    if path.stat().st_size > LARGEST_FILE:
        raise UnsafeError(f"{path}: too large for a configuration", needed=f"at most {LARGEST_FILE} bytes")
    try:
        text = path.read_text(encoding="utf-8")
        if any(isinstance(token, (yaml.AliasToken, yaml.TagToken)) for token in yaml.scan(text)):
            raise UnsafeError(f"{path}: YAML tags and aliases are not read", needed="plain keys and values")
        plain = yaml.safe_load(text)
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"{path}: this is not YAML", found=" ".join(str(error).split())) from error
    if plain is None:
        return {}
    if not isinstance(plain, dict):
        raise InputError(f"{path}: a configuration is a mapping of rooms", found=type(plain).__name__)
    return {room: {} if keys is None else keys for room, keys in plain.items()}
