"""What the pages of explanation show is executed, and what they say of the code is asked of the code."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nowcast
from nowcast.datasets import advected_echoes
from nowcast.scaling import METHODS
from nowcast.windows import splitting


@pytest.mark.parametrize("name", ["splits_and_leakage", "scaling_rain", "why_forecasts_blur", "lagrangian_frame"])
def test_the_blocks_run_and_what_they_assert_holds(
    page: Callable[[str], Any], capsys: pytest.CaptureFixture[str], name: str
) -> None:
    shown = page(f"explanation/{name}.md")
    assert "assert" in shown.blocks()[0] or "audit" in shown.blocks()[0]
    shown.execute({})
    printed = capsys.readouterr().out
    for told in re.findall(r"print\(.*\)  # (?:about )?(.+)$", shown.blocks()[0], flags=re.M):
        assert told in printed


def test_the_page_on_splits_names_the_number_of_sequences(page: Callable[[str], Any]) -> None:
    assert splitting.MANY == 7
    assert "seven or more" in page("explanation/splits_and_leakage.md").path.read_text("utf-8")


def test_the_page_on_scaling_names_every_method(page: Callable[[str], Any]) -> None:
    text = page("explanation/scaling_rain.md").path.read_text("utf-8")
    assert all(f"`{method}`" in text for method in METHODS)


def test_the_page_on_probabilities(page: Callable[[str], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    nowcast.write_cube(advected_echoes(frames=40, size=16), "radar.zarr")
    nowcast.fit("radar.zarr", run="runs/first", epochs=1, hidden=[4], context=3, horizon=2, progress=False)
    shown = page("explanation/probabilities.md")
    names = shown.execute({})
    told = re.findall(r"^\| \w+ \| `(\w+)`", shown.path.read_text("utf-8"), flags=re.M)
    assert set(told) == set(names["forecast"].data_vars)
    assert names["warn"].dtype == bool
    chances = names["chances"].values
    assert np.nanmax(np.diff(chances, axis=2)) <= 1e-6
    assert {"lowest", "highest"} <= set(names["chances"].attrs)


def test_the_way_of_the_data_is_drawn_with_every_room_on_it(page: Callable[[str], Any]) -> None:
    drawing = page("images/way_of_the_data.svg").path.read_text("utf-8")
    rooms = {name.strip() for text in re.findall(r"monospace\"[^>]*>([^<]+)<", drawing) for name in text.split(",")}
    package = Path(nowcast.__file__).parent
    assert rooms
    assert all((package / room).is_dir() or (package / f"{room}.py").is_file() for room in rooms)
