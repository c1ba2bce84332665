"""Each epoch is a row, as a JSON line and in a table; taken up again, it goes on after the resumed one."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import torch

from nowcast.training.recipe import PLAIN
from nowcast.training.watching.history import History, as_table, rows_of


def trainer_at(epoch: int, **metrics: float) -> Any:
    """As much of a Trainer as the history looks at."""
    optimiser = SimpleNamespace(param_groups=[{"lr": 0.01}])
    return SimpleNamespace(
        is_global_zero=True,
        current_epoch=epoch,
        callback_metrics={name: torch.tensor(value) for name, value in metrics.items()},
        optimizers=[optimiser],
        num_training_batches=4,
        should_stop=False,
    )


def task_at(step: int) -> Any:
    """As much of a Task as the history looks at."""
    return SimpleNamespace(taken=step, recipe=PLAIN)


def test_an_epoch_is_a_line_with_all_that_was_logged(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    history = History(path)
    history.on_train_start(trainer_at(0), None)  # type: ignore[arg-type]
    for epoch, training in enumerate((0.5, 0.4)):
        trainer = trainer_at(epoch, training=training, validation=training / 2, persistence=1.0)
        history.on_train_epoch_end(trainer, task_at(10 * (epoch + 1)))
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [1, 2]
    seconds = lines[0].pop("seconds")
    assert seconds >= 0
    assert lines[0] == {
        "epoch": 1, "step": 10, "training": 0.5, "validation": 0.25, "persistence": 1.0, "learning_rate": 0.01,
    }  # fmt: skip


def test_taken_up_again_it_forgets_what_was_not_kept_and_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    path.write_text("".join(json.dumps({"epoch": epoch, "old": 1}) + "\n" for epoch in (1, 2, 3)))
    history = History(path)
    history.on_train_start(trainer_at(2), None)  # type: ignore[arg-type]
    history.on_train_epoch_end(trainer_at(2), task_at(30))
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [(line["epoch"], "old" in line) for line in lines] == [(1, True), (2, True), (3, False)]


def test_the_table_has_the_same_figures_in_columns_that_stay(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    history = History(path)
    history.on_train_start(trainer_at(0), None)  # type: ignore[arg-type]
    header = (tmp_path / "history.csv").read_text()
    assert header == "epoch,step,training,validation,persistence,learning_rate,seconds\n"
    history.on_train_epoch_end(trainer_at(0, training=1 / 3, validation=0.1, persistence=1.0), task_at(5))
    assert (tmp_path / "history.csv").read_text().startswith(header)
    history.on_train_epoch_end(trainer_at(1, judge=0.7, a=1.0), task_at(10))
    table = pd.read_csv(tmp_path / "history.csv")
    assert list(table) == [
        "epoch", "step", "training", "validation", "persistence", "a", "judge", "learning_rate", "seconds",
    ]  # fmt: skip
    rows = rows_of(path)
    assert table["training"][0] == rows[0]["training"] == float(torch.tensor(1 / 3))
    assert table["training"].isna().tolist() == [False, True]
    assert table["validation"].isna().tolist() == [False, True]
    assert table["judge"].isna().tolist() == [True, False]
    assert table["seconds"].tolist() == [row["seconds"] for row in rows]


def test_a_figure_that_is_no_number_is_an_empty_cell_and_its_epoch_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    history = History(path)
    history.on_train_start(trainer_at(0), None)  # type: ignore[arg-type]
    history.on_train_epoch_end(trainer_at(0, training=0.5, validation=float("nan")), task_at(5))
    assert [(row["training"], row["validation"]) for row in rows_of(path)] == [(0.5, None)]
    assert (tmp_path / "history.csv").read_text().splitlines()[1].startswith("1,5,0.5,,,0.01,")


def test_it_is_put_in_place_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    history = History(path)
    history.on_train_start(trainer_at(0), None)  # type: ignore[arg-type]
    history.on_train_epoch_end(trainer_at(0), task_at(5))
    read = path.open()
    history.on_train_epoch_end(trainer_at(1), task_at(10))
    assert len(read.readlines()) == 1, "what was opened stays as it was"
    read.close()
    assert [row["epoch"] for row in rows_of(path)] == [1, 2]
    path.unlink()
    path.symlink_to("/dev/full")
    history.on_train_epoch_end(trainer_at(2), task_at(15))
    assert [row["epoch"] for row in rows_of(path)] == [1, 2, 3]


def test_a_row_that_was_torn_by_a_kill_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    path.write_text('{"epoch": 1, "step": 3}\n[1]\nnull\n{"epoch": 2, "st')
    assert rows_of(path) == [{"epoch": 1, "step": 3}]
    assert as_table(path).read_text().splitlines()[1:] == ["1,3,,,,,"]
    History(path).on_train_start(trainer_at(1), None)  # type: ignore[arg-type]
    assert path.read_text() == '{"epoch": 1, "step": 3}\n'
