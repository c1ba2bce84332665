"""`nowcast convert`, typed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

Cli = Callable[..., Any]


def test_what_was_written_and_what_to_type_next_go_to_stderr(cli: Cli, frames: Path) -> None:
    converted = cli("convert", frames, "again.nc")
    assert converted.code == 0
    assert converted.out == ""
    assert "nowcast fit again.nc" in converted.err
    assert Path("again.nc").is_file()
