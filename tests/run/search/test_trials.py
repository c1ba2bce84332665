"""Trials are written and read as they are; the best is one that went to its end."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pandas as pd
import pytest

from nowcast.errors import InputError
from nowcast.run.search.trials import (
    BEGUN,
    DONE,
    FAILED,
    PRUNED,
    Trial,
    Yardstick,
    best_of,
    overlap,
    rows_of,
    told_of,
    trials_in,
    write_table,
)

LOSS, SKILL = Yardstick(), Yardstick("csi@1mm/h", higher=True)
TRIALS = [
    Trial(0, {"learning_rate": 0.002, "frame": "still"}, DONE, 0.5, 4, 2.0, marks={"8": 0.5}),
    Trial(1, {"learning_rate": 0.001, "frame": "lagrangian"}, PRUNED, 0.1, 1, 1.0, marks={"2": 0.1}),
    Trial(2, {"learning_rate": 0.003, "frame": "still"}, DONE, 0.4, 4, 2.0),
    Trial(3, {"learning_rate": 0.004, "frame": "still"}, FAILED, None, 0, 0.1, "no room"),
]


def test_they_are_read_as_they_were_written(tmp_path: Path) -> None:
    for trial in TRIALS:
        trial.keep(tmp_path)
    assert trials_in(tmp_path) == TRIALS
    assert trials_in(tmp_path / "nothing") == []


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"number": 1, "values": {}}', '{"number": 0, "values": {}, "state": "x"}', '{"number": 0}']
)
def test_what_is_no_trial_is_refused(text: str, tmp_path: Path) -> None:
    TRIALS[0].keep(tmp_path)
    (tmp_path / "trials" / "000" / "trial.json").write_text(text)
    with pytest.raises(InputError, match=r"trial\.json: no trial, or a damaged one"):
        trials_in(tmp_path)


def test_the_best_went_to_its_end() -> None:
    assert best_of(TRIALS, LOSS) is TRIALS[2]
    assert best_of(TRIALS, SKILL) is TRIALS[0], "more of a skill is better"
    assert best_of([TRIALS[1], TRIALS[3], Trial(0, {}, BEGUN)], LOSS) is None
    assert [row["trial"] for row in rows_of(TRIALS, LOSS)] == [2, 0, 1, 3]
    assert [row["trial"] for row in rows_of(TRIALS, SKILL)] == [0, 2, 1, 3]


def test_an_epoch_scores_by_the_loss_over_persistence_s_or_by_what_is_monitored() -> None:
    rows = [{"validation": 1.0, "persistence": 2.0, "csi@1mm/h": 0.3}, {"validation": 3.0, "persistence": 2.0}]
    assert [LOSS.score(row) for row in rows] == [0.5, 1.5]
    assert (LOSS.best(rows), SKILL.best(rows)) == (0.5, 0.3)
    assert math.isnan(LOSS.score({"validation": 1.0, "persistence": 0.0}))
    assert math.isnan(SKILL.score(rows[1]))
    assert SKILL.best(rows[1:]) is None


def test_the_table_is_csv(tmp_path: Path) -> None:
    write_table(TRIALS, tmp_path / "trials.csv", LOSS)
    table = pd.read_csv(tmp_path / "trials.csv")
    assert list(table) == ["trial", "state", "score", "learning_rate", "frame", "epochs", "seconds"]
    assert table["score"][0] == 0.4
    assert table["score"].isna().tolist() == [False, False, False, True]


def test_a_line_tells_how_a_trial_ended() -> None:
    told = "done: validation loss over persistence's 0.5000; learning_rate 0.002, frame still; 4 epoch(s)"
    assert told in told_of(TRIALS[0], LOSS)
    assert "done: csi@1mm/h on validation 0.5000; " in told_of(TRIALS[0], SKILL)
    assert "failed: no room" in told_of(TRIALS[3], LOSS)


def test_frames_of_the_test_part_that_others_saw_are_counted(tmp_path: Path) -> None:
    for trial in TRIALS[:2]:
        trial.keep(tmp_path)
    for number, (validated, tested) in enumerate([((20, 30), (34, 40)), ((22, 36), (38, 40))]):
        parts = {"training": {"runs": [[0, 20]]}, "validation": {"runs": [validated]}, "test": {"runs": [tested]}}
        (tmp_path / "trials" / f"00{number}" / "split.json").write_text(json.dumps({"parts": parts}))
    assert overlap(tmp_path, TRIALS[0], TRIALS[:2]) == 2, "34 and 35"
    assert overlap(tmp_path, TRIALS[1], TRIALS[:2]) == 0
