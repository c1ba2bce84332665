"""`nowcast inspect`, typed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

Cli = Callable[..., Any]


def test_json_is_one_object_and_nothing_else(cli: Cli, frames: Path) -> None:
    shown = cli("inspect", frames, "--json")
    assert shown.code == 0
    assert shown.err == ""
    assert shown.out.count("\n") == 1
    told = json.loads(shown.out)
    assert told["variable"] == "rain_rate"
    assert told["shape"] == [12, 1, 8, 10]


def test_inspect_for_people(cli: Cli, frames: Path) -> None:
    shown = cli("inspect", frames)
    assert shown.code == 0
    for text in ("rain_rate", "mm h-1", "12 time", "300 s", "1000 x 1000 m", "0 to 1.108e+04", "fit would"):
        assert text in shown.out
    assert "read " in shown.err
    assert "read " not in shown.out
    assert shown.err.splitlines()[-1] == f"next: nowcast fit {frames}"
