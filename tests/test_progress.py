"""What is told goes to standard error alone, and within `quiet` nothing is told at all."""

from __future__ import annotations

import threading

import pytest
from rich.console import Console

from nowcast import progress
from nowcast.progress import bar, quiet, tell


def test_what_is_told_goes_to_standard_error_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    tell("read     [bold]rain[/bold] (mm h-1) /a/very/long/path" + 100 * "x")
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "read     [bold]rain[/bold] (mm h-1) /a/very/long/path" + 100 * "x" + "\n"


def test_quiet_silences_tell_and_bar_and_ends_with_its_block(capsys: pytest.CaptureFixture[str]) -> None:
    with quiet():
        tell("a")
        with bar("fit", total=3) as line:
            line.to(1, 3, "a note")
            tell("b")
        with quiet(silent=False):
            tell("c: what is within silence stays silent")
    assert capsys.readouterr() == ("", "")
    with quiet(silent=False):
        tell("d")
    tell("e")
    assert capsys.readouterr().err == "d\ne\n"


def test_quiet_ends_with_an_error_too(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="stop"), quiet():
        raise ValueError("stop")
    tell("heard")
    assert capsys.readouterr().err == "heard\n"


def test_quiet_silences_its_own_thread_alone(capsys: pytest.CaptureFixture[str]) -> None:
    with quiet():
        other = threading.Thread(target=tell, args=("from beside",))
        other.start()
        other.join()
        tell("from within")
    assert capsys.readouterr().err == "from beside\n"


def test_a_bar_draws_to_standard_error_and_takes_counts_totals_and_notes(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "_stderr", lambda: Console(stderr=True, force_terminal=True, width=120))
    with bar("fit") as line:
        assert line.live
        line.to(1, 4, "validation 0.25")
        line.to(3)
    out, err = capsys.readouterr()
    assert out == ""
    assert "fit" in err
    assert "75 %" in err
    assert "validation 0.25" in err


def test_a_bar_that_nobody_sees_is_not_live() -> None:
    with bar("fit") as line:
        assert not line.live
    with quiet(), bar("fit") as line:
        assert not line.live
