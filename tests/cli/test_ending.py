"""How the command line ends: one message and an exit code, a traceback where it is asked for."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import nowcast

Cli = Callable[..., Any]


def raising(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr("nowcast.run.inspect", fail)


@pytest.mark.parametrize(
    ("error", "code"),
    [(KeyError("what"), 1), (OSError("disk on fire"), 3), (MemoryError("too much"), 3)],
    ids=["program", "disk", "memory"],
)
def test_an_unexpected_error_says_how_to_see_it(
    error: Exception, code: int, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    raising(monkeypatch, error)
    ended = cli("inspect", "x.nc")
    assert ended.code == code
    assert type(error).__name__ in ended.err
    assert str(error) in ended.err
    assert "--debug" in ended.err
    assert "Traceback" not in ended.err


@pytest.mark.parametrize("name", ["InputError", "MachineError", "UnsafeError"])
def test_each_kind_of_error_has_its_exit_code(name: str, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    from nowcast import errors

    raising(monkeypatch, getattr(errors, name)("x.nc: wrong", found="this", needed="that", next_step="do so"))
    ended = cli("inspect", "x.nc")
    assert ended.code == {"InputError": 2, "MachineError": 3, "UnsafeError": 4}[name]
    assert ended.err == "error: x.nc: wrong\n  found:  this\n  needed: that\n  next:   do so\n"


@pytest.mark.parametrize("error", [nowcast.errors.InputError("x.nc: wrong"), ZeroDivisionError("by zero")])
def test_debug_shows_where(error: Exception, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    raising(monkeypatch, error)
    ended = cli("inspect", "x.nc", "--debug")
    assert ended.code == (2 if isinstance(error, nowcast.errors.InputError) else 1)
    assert "Traceback" in ended.err
    assert str(error) in ended.err


def test_debug_of_the_real_program_prints_a_traceback(tmp_path: Path) -> None:
    (tmp_path / "text.nc").write_text("words")
    ended = subprocess.run(
        [sys.executable, "-m", "nowcast", "inspect", "text.nc", "--debug"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 2
    assert "Traceback" in ended.stderr
    assert "text.nc: cannot be read" in ended.stderr


def test_what_it_says_about_files_is_no_markup(cli: Cli) -> None:
    ended = cli("inspect", "[red]no[/red].nc")
    assert ended.code == 2
    assert "[red]no[/red].nc" in ended.err


def test_ctrl_c_ends_with_130(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    raising(monkeypatch, KeyboardInterrupt())
    ended = cli("inspect", "x.nc")
    assert ended.code == 130
    assert "Traceback" not in ended.out + ended.err


def test_colours_are_for_terminals_that_want_them() -> None:
    program = [sys.executable, "-m", "nowcast", "convert", "one_path.nc"]
    assert "\x1b" not in subprocess.run(program, capture_output=True, text=True, timeout=60, check=False).stderr
    for wanted, told in (("", "\x1b[31merror: "), ("1", "error: ")):
        assert _on_a_terminal(program, {**os.environ, "NO_COLOR": wanted, "TERM": "xterm"}).startswith(told)


def _on_a_terminal(program: list[str], environment: dict[str, str]) -> str:
    """What it writes to standard error where that is a terminal."""
    mine, its = pty.openpty()
    try:
        subprocess.run(program, stderr=its, stdout=subprocess.DEVNULL, env=environment, timeout=60, check=False)
        return os.read(mine, 100_000).decode()
    finally:
        os.close(mine)
        os.close(its)
