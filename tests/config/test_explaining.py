"""Every setting is told with its default and its meaning, and what is told is read back."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest
import yaml

from nowcast.config import Settings, explained, resolve

EVERY = [
    (room, name, field)
    for room, each in Settings.model_fields.items()
    for name, field in each.annotation.model_fields.items()  # type: ignore[union-attr]
]


def test_what_is_told_is_every_setting_with_its_default(tmp_path: Path) -> None:
    path = tmp_path / "all.yaml"
    path.write_text(explained())
    assert resolve(path) == Settings()
    told = yaml.safe_load(explained())
    assert [(room, name) for room, keys in told.items() for name in keys] == [(room, name) for room, name, _ in EVERY]


@pytest.mark.parametrize(("room", "name", "field"), EVERY, ids=lambda part: part if isinstance(part, str) else "")
def test_every_setting_has_a_meaning_and_it_is_told(room: str, name: str, field: object) -> None:
    meaning = getattr(field, "description", None)
    assert meaning, f"{room}.{name} has no description"
    lines = iter(explained().partition(f"\n{room}:")[2].splitlines())
    own = next(line for line in lines if line.startswith(f"  {name}:"))
    comment = own.partition("# ")[2]
    for line in lines:
        if not line.strip().startswith("#"):
            break
        comment += " " + line.strip("# ")
    assert comment.endswith(meaning)
    choices = [str(each) for part in get_args(field.annotation) for each in get_args(part) if isinstance(each, str)]  # type: ignore[attr-defined]
    if choices and "Literal" in str(field.annotation):  # type: ignore[attr-defined]
        assert comment.startswith(", ".join(choices))


def test_it_is_read_in_a_terminal() -> None:
    assert max(map(len, explained().splitlines())) <= 120
