"""The card tells what a model is for, what it learnt from, how well it does and within what limits, as Markdown."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
import xarray as xr

from nowcast.model_file import Card
from nowcast.report.known import Known, Part
from nowcast.report.pages.model_card import model_card
from nowcast.scaling import Scaler

Maker = Callable[..., xr.Dataset]
HOSTILE = "<script>alert(1)</script> | a\n# heading \x1b[31m"
AUDIT: dict[str, Any] = {
    "split_by": "blocks of time",
    "parts": {
        "training": {"first": "2026-05-01T00:00:00", "last": "2026-05-01T02:00:00", "frames": 25, "runs": [[0, 25]]},
        "test": {"first": None, "last": None, "frames": 0, "runs": []},
    },
    "embargo_frames": 12,
    "shared_frames": 0,
    "statistics_times": ["2026-05-01T00:00:00", "2026-05-01T02:00:00"],
}


def card_of(**told: Any) -> Card:
    plain: dict[str, Any] = {
        "model": "convlstm",
        "keywords": {"channels": 1},
        "scaler": Scaler("unit", 0.0, 1.0).to_dict(),
        "variable": "rain_rate",
        "units": "mm h-1",
        "channels": 1,
        "grid_step": None,
        "time_step_seconds": 300.0,
        "context": 4,
        "horizon": 12,
        "masked": False,
        "trained_on": {},
        "versions": {},
    }
    return Card(**{**plain, **told})


def known_of(**facts: str) -> Known:
    return Known(facts={"grid": "1000 x 1000 m", "hardware": "x86_64", **facts}, commands=["nowcast report runs/a"])


def rows_of(text: str, head: str) -> list[list[str]]:
    """The rows of the first table whose head begins so."""
    lines = text.split(f"\n| {head}", 1)[1].split("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def test_all_that_a_card_owes_is_there(made_scores: Maker) -> None:
    scores = made_scores().assign_attrs(level=0.9, blocks=7, units="mm h-1")
    scores["cases"] = (("forecaster", "lead_time"), [[40] * 4] * 3)
    known = known_of(source="radar.zarr", **{"licence of the data": "CC-BY-4.0"})
    text = model_card("a: rain rate", [Part(scores, AUDIT)], known, card_of(), settings="model:\n  name: convlstm\n")
    headings = re.findall(r"^#+ (.*)", text, flags=re.M)
    assert headings == [
        "a: rain rate", "Verdict", "Scores on the test part", "Trained on", "Intended use, and limits",
        "How it was made", "To have the same again",
    ]  # fmt: skip
    for words in (
        "the next 12 frames (60 min) of rain_rate (mm h-1) from the 4 before them (20 min), one every 5 min",
        "on pixels of 1000 x 1000 m", "| licence of the data | CC-BY-4.0 |", "| hardware | x86_64 |",
        "12 frames are left out between parts; 0 frames are in two parts",
        "training part, 2026-05-01 00:00 to 2026-05-01 02:00.",
        "seen on 40 starting times, and on nothing else", "intervals of 90%, from 7 blocks",
        "```yaml\nmodel:\n  name: convlstm\n```", "```sh\nnowcast report runs/a\n```",
    ):  # fmt: skip
        assert words in text, words
    assert rows_of(text, "part") == [
        ["training", "2026-05-01 00:00", "2026-05-01 02:00", "25"],
        ["test", "none", "none", "0"],
    ]


def test_scores_stand_beside_each_baseline_with_their_intervals(made_scores: Maker) -> None:
    scores = made_scores()
    text = model_card("a", [Part(scores)], known_of(), card_of(), settings="")
    rows = rows_of(text, "lead")
    assert [row[0] for row in rows] == ["5 min", "10 min", "15 min", "20 min"]
    ratio = scores["mse_ratio"].sel(against="advection")
    ends = [scores[f"mse_ratio_{end}"].sel(against="advection") for end in ("low", "high")]
    for at, row in enumerate(rows):
        assert float(row[1]) == pytest.approx(float(scores["mse"][0, at]), rel=1e-2)
        assert float(row[2]) == pytest.approx(float(scores["csi"][0, at, 1]), rel=1e-2)
        column = next(i for i, name in enumerate(head_of(text)) if name == "MSE, times that of advection")
        low, high = (f"{float(end[at]):.2f}" for end in ends)
        assert row[column] == f"{float(ratio[at]):.2f} ({low} to {high})"


def test_scores_are_those_of_their_own_lead_time_where_one_before_was_not_scored(made_scores: Maker) -> None:
    scores = made_scores()
    for name in scores.data_vars:
        scores[name] = scores[name].where(scores["lead_time"] > scores["lead_time"][0])
    rows = rows_of(model_card("a", [Part(scores)], known_of(), card_of(), settings=""), "lead")
    assert [row[0] for row in rows] == ["10 min", "15 min", "20 min"]
    assert [row[1] for row in rows] == [f"{float(value):.3g}" for value in scores["mse"][0, 1:]]


def head_of(text: str) -> list[str]:
    return [cell.strip() for cell in text.split("\n| lead")[1].splitlines()[0].split("|")[:-1]]


def test_without_a_test_part_it_says_so(made_scores: Maker) -> None:
    text = model_card("a", [Part(None, AUDIT)], known_of(), card_of(), settings="")
    assert "Not scored" in text
    assert "It was never scored" in text
    assert "## Scores" not in text


def test_several_cubes_have_scores_and_splits_of_their_own(made_scores: Maker) -> None:
    text = model_card("a", 2 * [Part(made_scores(), AUDIT)], known_of(), card_of(), settings="")
    for words in ("## Scores on the test part, cube 2", "Cube 2: Split by"):
        assert words in text


def test_what_files_say_is_text(made_scores: Maker) -> None:
    scores = made_scores(forecasters=("a|b", HOSTILE)).assign_attrs(units=HOSTILE)
    audit = {**AUDIT, "split_by": HOSTILE}
    text = model_card(
        HOSTILE, [Part(scores, audit)], known_of(source=HOSTILE), card_of(variable=HOSTILE, units=HOSTILE), settings=""
    )
    assert "<script" not in text
    assert "\x1b" not in text
    assert not re.search(r"^# heading", text, flags=re.M)
    assert all("\\|" in line for line in text.splitlines() if line.startswith("| source"))
