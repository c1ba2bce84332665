"""`nowcast doctor`, typed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import nowcast
from nowcast.installed import EXTRAS, Extra

Cli = Callable[..., Any]

NOWHERE = Extra(("no-such-package-anywhere",), "files of another planet")


def test_what_there_is_as_one_object(cli: Cli) -> None:
    ended = cli("doctor", "--json")
    assert (ended.code, ended.err) == (0, "")
    found = json.loads(ended.out)
    assert found["versions"]["nowcast"] == nowcast.__version__
    assert set(found["extras"]) == set(EXTRAS)
    assert found["cores"] >= 1
    assert found["threads"] >= 1
    assert found["folder"]["path"] == str(Path.cwd())
    assert found["folder"]["write"] > 0
    assert found["folder"]["read"] > 0
    assert found["temporary"]["free"] > 0
    assert list(Path().iterdir()) == [], "the disk was tried, and nothing is left"


def test_what_is_missing_is_told_with_what_it_opens_and_how_to_get_it(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(EXTRAS, "mars", NOWHERE)
    shown = cli("doctor").out
    line, remedy = shown.partition("  mars ")[2].splitlines()[:2]
    assert line.split() == ["missing", "files", "of", "another", "planet"]
    assert remedy.strip() == "pip install 'nowcast[mars]'"
    assert "core" in shown
    assert "GPU" in shown


def test_what_will_hurt_is_told(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nowcast.machine.cores", lambda: 64)
    monkeypatch.setattr("torch.get_num_threads", lambda: 1)
    monkeypatch.setattr("nowcast.machine.space", lambda folder: 10**6)
    shown = cli("doctor").out
    assert f"beware      little space is left in {Path.cwd()}" in shown
    assert "beware      torch uses 1 of 64 cores" in shown


def test_a_folder_that_cannot_be_written_is_told(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("gone").mkdir()
    monkeypatch.chdir("gone")
    Path("../gone").rmdir()
    ended = cli("doctor")
    assert ended.code == 3
    assert "Traceback" not in ended.err
