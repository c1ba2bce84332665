"""What is told goes to standard error alone, and within `quiet` nothing is told at all."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import nbclient
import nbformat
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
    monkeypatch.setattr(progress, "console", lambda: Console(stderr=True, force_terminal=True, width=120))
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


class Watched(nbclient.NotebookClient):
    """A notebook that is executed, and how often an output was written anew."""

    anew = 0

    def process_message(self, msg: Any, cell: Any, cell_index: int) -> Any:
        self.anew += msg["msg_type"] == "update_display_data"
        return super().process_message(msg, cell, cell_index)


def test_in_a_notebook_lines_are_plain_text_and_a_bar_is_one_line_that_moves(tmp_path: Path) -> None:
    cell = """
from time import sleep
from nowcast.progress import bar, quiet, tell
tell("read     \\x1b[31m<b>rain</b>")
with bar("at once", 2) as line:
    line.to(2, note="unseen")
with bar("fit", 9) as line:
    for number in range(1, 10):
        sleep(0.15)
        line.to(number, note=f"<i>epoch {number}")
with quiet(), bar("quiet", 9) as line:
    sleep(0.6)
    line.to(1)
tell("done")
assert line.live is False
"""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell)])
    client = Watched(notebook, timeout=60, resources={"metadata": {"path": str(tmp_path)}})
    client.execute()
    outputs = client.nb.cells[0].outputs
    streams = [output for output in outputs if output.output_type == "stream"]
    assert {output.name for output in streams} == {"stdout"}
    assert "".join(output.text for output in streams) == "read     \\x1b[31m<b>rain</b>\ndone\n"
    shown = [output.data for output in outputs if output.output_type == "display_data"]
    assert shown == [{"text/plain": "fit      took 0:01  <i>epoch 9"}]
    assert 3 <= client.anew <= 9
