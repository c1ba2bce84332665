"""What the first hour types is typed, in its order, with shorter training."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import nowcast
from nowcast.datasets import advected_echoes

ROOT = Path(__file__).parent.parent


@pytest.mark.slow
def test_the_first_hour(
    page: Callable[[str], Any], typed: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    nowcast.write_cube(advected_echoes(frames=60, size=16), "radar.zarr")
    shown = page("tutorials/first_hour.md")
    commands = shown.commands()
    assert [words[0] for words in commands] == ["inspect", "fit", "report", "forecast", "evaluate", "forecast"]
    for words in commands:
        short = ["--epochs", "1", "--hidden", "4", "--context", "3", "--horizon", "2"] if words[0] == "fit" else []
        ended = typed(*words, *short)
        assert ended.code == 0, ended.err
        if words[0] == "inspect":
            for line in ("units", "time step", "gaps", "missing", "values", "fit would"):
                assert re.search(rf"^{line} ", ended.out, flags=re.M)
    assert Path("earlier.png").stat().st_size > 10_000
    assert Path("runs/first/report.html").exists()
    shown.execute({})


def test_the_first_hour_makes_what_the_demo_writes(page: Callable[[str], Any]) -> None:
    shown = page("tutorials/first_hour.md")
    assert "make demo" in shown.blocks("sh")[0]
    assert re.search(r"^demo:.*\n\t\$\(BIN\)/nowcast demo demo$", (ROOT / "Makefile").read_text(), flags=re.M)
    picture = re.search(r"`demo/(\S+\.png)`", shown.path.read_text("utf-8"))
    assert picture is not None
    assert f'folder / "{picture[1]}"' in (ROOT / "nowcast" / "run" / "demonstration.py").read_text()
