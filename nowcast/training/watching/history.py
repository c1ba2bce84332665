"""The history of a training: a row for each epoch, as JSON lines and, of the same figures, as a table."""

from __future__ import annotations

import csv
import io
import json
import math
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

import lightning as L

from nowcast.atomic import write_text
from nowcast.plain_json import parsed
from nowcast.training.steps import Task

__all__ = ["History", "as_table", "rows_of"]

FIRST = ("epoch", "step", "training", "validation", "persistence")
LAST = ("learning_rate", "seconds")
"""Columns of the table at its left and at its right; others stand between them, in the order of their names."""


class History(L.Callback):
    """One JSON line per epoch: the forecaster's steps, losses, learning rate, seconds; beside it the same as CSV.

    What is no finite number is null there, and an empty cell here.

    Taken up again, it goes on after the resumed epoch.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.start = time.monotonic()
        self._rows: list[dict[str, Any]] = []

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if not trainer.is_global_zero:
            return
        self._rows = [row for row in rows_of(self.path) if row["epoch"] <= trainer.current_epoch]
        self._write()

    def state_dict(self) -> dict[str, Any]:
        return {"seconds": time.monotonic() - self.start}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.start = time.monotonic() - state_dict["seconds"]

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if not trainer.is_global_zero:
            return
        task = cast(Task, pl_module)
        line = {
            "epoch": trainer.current_epoch + 1,
            "step": task.taken,
            **{name: _number(float(value)) for name, value in trainer.callback_metrics.items()},
            **({"skipped": int(task.skipped)} if task.recipe.nonfinite == "skip" else {}),
            "learning_rate": trainer.optimizers[0].param_groups[0]["lr"],
            "seconds": round(time.monotonic() - self.start, 2),
        }
        self._rows.append(line)
        self._write()

    def _write(self) -> None:
        """All of it anew, aside: few rows, of which a kill tears none."""
        write_text(self.path, "".join(json.dumps(row) + "\n" for row in self._rows))
        as_table(self.path)


def rows_of(path: Path) -> list[dict[str, Any]]:
    """The rows of a history, those that are whole: an older nowcast, killed while it wrote, left the last one torn."""
    rows = []
    if path.is_file():
        for line in path.read_text("utf-8", errors="replace").splitlines():
            with suppress(ValueError):
                row = parsed(line)
                rows += [row] if isinstance(row, dict) and isinstance(row.get("epoch"), int) else []
    return rows


def as_table(path: Path) -> Path:
    """Write the history of `path` as CSV beside it: the same figures, digit by digit; a cell without one is empty."""
    rows = rows_of(path)
    text = io.StringIO()
    table = csv.DictWriter(text, _columns(rows), lineterminator="\n")
    table.writeheader()
    table.writerows({name: _digits(value) for name, value in row.items()} for row in rows)
    written = path.with_suffix(".csv")
    write_text(written, text.getvalue())
    return written


def _columns(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Those of every history first and last, whatever one epoch or another logs."""
    others = sorted({name for row in rows for name in row} - {*FIRST, *LAST})
    return [*FIRST, *others, *LAST]


def _number(value: float) -> float | None:
    """JSON knows no number that is not finite."""
    return value if math.isfinite(value) else None


def _digits(value: Any) -> str:
    return "" if value is None else value if isinstance(value, str) else json.dumps(value)
