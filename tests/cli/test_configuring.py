"""`nowcast config`, typed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from nowcast.config import Settings, explained, resolve, shipped, text_of

Cli = Callable[..., Any]


def test_one_is_printed_as_it_is(cli: Cli) -> None:
    shown = cli("config", "radar")
    assert (shown.code, shown.out, shown.err) == (0, text_of("radar"), "")
    Path("my.yaml").write_text(shown.out)
    assert resolve("my.yaml").sampling.events == "rain"


def test_every_setting(cli: Cli) -> None:
    shown = cli("config", "--all")
    assert (shown.code, shown.out) == (0, explained())
    Path("all.yaml").write_text(shown.out)
    assert resolve("all.yaml") == Settings()


def test_without_a_name_all_are_listed(cli: Cli) -> None:
    listed = [line.split(maxsplit=1) for line in cli("config").out.splitlines()]
    assert dict(listed) == shipped()


def test_what_is_wrong_is_told(cli: Cli) -> None:
    ended = cli("config", "radr")
    assert (ended.code, ended.out) == (2, "")
    assert "did you mean radar?" in ended.err
    assert cli("config", "radar", "--all").code == 2
