"""Configurations and protocols as plain data: YAML that can make no object and refer to nothing, not even to itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from nowcast.errors import InputError, UnsafeError

__all__ = ["LARGEST_FILE", "read_plain"]

LARGEST_FILE = 100_000
"""Bytes; the longest of configs/ has some thousand."""

MOST_TOKENS, DEEPEST = 20_000, 32
"""PyYAML takes minutes over tens of kilobytes that are nothing but opening brackets."""

MERGE = "tag:yaml.org,2002:merge"


def read_plain(path: Path) -> dict[str, Any]:
    """Plain data of a YAML file: a mapping, without tags, objects and aliases; a key without a value is empty.

    Raises
    ------
    InputError
        No such file, no YAML, no mapping, a key twice.
    UnsafeError
        Too large, or YAML that asks for objects or refers to itself.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such configuration file")
    if path.stat().st_size > LARGEST_FILE:
        raise UnsafeError(f"{path}: too large for a configuration", needed=f"at most {LARGEST_FILE} bytes")
    try:
        text = path.read_text(encoding="utf-8")
        _look_through(path, text)
        plain = yaml.load(text, Loader=_Loader)  # noqa: S506
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: this is not YAML", found=" ".join(str(error).split())[:300]) from error
    if plain is None:
        return {}
    if not isinstance(plain, dict):
        raise InputError(f"{path}: a configuration is a mapping of rooms", found=type(plain).__name__)
    return {room: {} if keys is None else keys for room, keys in plain.items()}


def _look_through(path: Path, text: str) -> None:
    """Refuse what would refer, make objects or take long, token by token, before any of it is built."""
    depth = 0
    for number, token in enumerate(yaml.scan(text)):
        if isinstance(token, (yaml.AliasToken, yaml.AnchorToken, yaml.TagToken)):
            raise UnsafeError(f"{path}: YAML tags and aliases are not read", needed="plain keys and values")
        depth += isinstance(token, _OPENING) - isinstance(token, _CLOSING)
        if depth > DEEPEST or number > MOST_TOKENS:
            raise UnsafeError(
                f"{path}: too deep or too long for a configuration",
                needed=f"at most {DEEPEST} levels and {MOST_TOKENS} tokens",
            )


_OPENING = (
    yaml.FlowSequenceStartToken,
    yaml.FlowMappingStartToken,
    yaml.BlockSequenceStartToken,
    yaml.BlockMappingStartToken,
)
_CLOSING = (yaml.FlowSequenceEndToken, yaml.FlowMappingEndToken, yaml.BlockEndToken)


class _Loader(yaml.SafeLoader):
    """The safe one, to which a key twice and a merged mapping are no YAML."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            name = (key.tag, key.value if isinstance(key, yaml.ScalarNode) else id(key))
            if key.tag == MERGE or name in seen:
                what = "a merge is no plain key" if key.tag == MERGE else f"key {str(key.value)[:80]!r} is there twice"
                raise yaml.constructor.ConstructorError(None, None, what, key.start_mark)
            seen.add(name)
        found: dict[Any, Any] = super().construct_mapping(node, deep)
        return found
