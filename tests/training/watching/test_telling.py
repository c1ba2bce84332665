"""The live line, and what a log is told in its place."""

from __future__ import annotations

import io
import re
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from rich.console import Console

from nowcast import progress as shown
from nowcast.progress import bar
from nowcast.training.watching import telling
from nowcast.training.watching.telling import Progress


def trainer_at(epoch: int, **metrics: float) -> Any:
    """As much of a Trainer as the line looks at."""
    return SimpleNamespace(
        accumulate_grad_batches=1,
        world_size=1,
        is_global_zero=True,
        current_epoch=epoch,
        callback_metrics={name: torch.tensor(value) for name, value in metrics.items()},
        num_training_batches=4,
    )


class Line:
    """A bar that remembers."""

    live = True

    def __init__(self) -> None:
        self.seen: list[tuple[Any, ...]] = []

    def to(self, *arguments: Any) -> None:
        self.seen.append(arguments)


def test_the_live_line_tells_the_share_and_both_losses() -> None:
    line = Line()
    progress = Progress(line, 5)  # type: ignore[arg-type]
    progress.on_train_batch_end(trainer_at(2), None, None, None, 1)  # type: ignore[arg-type]
    progress.on_train_epoch_end(trainer_at(2, training=0.5, validation=0.25, persistence=1.0), None)  # type: ignore[arg-type]
    assert line.seen[0] == (2.5, 5, None)
    done, total, text = line.seen[1]
    assert (done, total) == (3, 5)
    for words in ("epoch 3/5", "training 0.50000", "validation 0.25000", "persistence 1.00000"):
        assert words in text
    progress.on_train_epoch_end(trainer_at(2, training=0.5), None)  # type: ignore[arg-type]
    assert "validation" not in line.seen[2][2]


def test_within_an_epoch_it_tells_the_loss_of_the_steps_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telling, "LIVE_SECONDS", -1.0)
    line = Line()
    progress = Progress(line, 5)  # type: ignore[arg-type]
    progress.on_train_batch_end(trainer_at(2), None, {"loss": torch.tensor(0.125)}, None, 1)  # type: ignore[arg-type]
    progress.on_train_epoch_end(trainer_at(2, training=0.5, validation=0.25, persistence=1.0), None)  # type: ignore[arg-type]
    progress.on_train_batch_end(trainer_at(3), None, {}, None, 1)  # type: ignore[arg-type]
    assert line.seen[0] == (2.5, 5, "epoch 3/5  loss 0.12500")
    assert line.seen[2] == (3.5, 5, "epoch 4/5  validation 0.25000  (persistence 1.00000)")
    monkeypatch.setattr(telling, "LIVE_SECONDS", 3600.0)
    progress.on_train_batch_end(trainer_at(3), None, {"loss": torch.tensor(1.0)}, None, 2)  # type: ignore[arg-type]
    assert line.seen[3] == (3.75, 5, None)


class Clock:
    """A monotonic clock that is set by hand."""

    now = 100.0

    def monotonic(self) -> float:
        return self.now


def test_the_end_is_told_by_the_pace_since_the_start_or_by_the_time_that_is_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Clock()
    monkeypatch.setattr(telling, "time", clock)
    left: list[float | None] = [None]
    progress = Progress(Line(), 10, lambda: left[0])  # type: ignore[arg-type]
    assert progress.end(1) == ""
    progress.on_train_start(trainer_at(4), None)  # type: ignore[arg-type]
    assert progress.end(4) == ""
    clock.now = 220.0  # two of the six epochs that were left took two minutes
    assert re.fullmatch(r"  ends by \d\d:\d\d, in 4 min", progress.end(6))
    left[0] = 30.0
    assert progress.end(6).endswith(", in 30 s")
    left[0] = -0.1
    assert progress.end(6) == "", "the time is over"
    left[0] = 1e9
    clock.now = 100.0 + 2 * 7200
    assert progress.end(6).endswith(", in 8 h 0 min")
    hour = (datetime.now().astimezone().hour + 8) % 24
    assert int(progress.end(6)[10:12]) in (hour, (hour + 1) % 24)
    assert progress.end(10) == ""


def test_a_log_is_told_a_line_now_and_then(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    line = Line()
    line.live = False
    progress = Progress(line, 5)  # type: ignore[arg-type]
    trainer = trainer_at(2, training=0.5, validation=0.25, persistence=1.0)
    progress.on_train_epoch_end(trainer, None)  # type: ignore[arg-type]
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(telling, "QUIET_SECONDS", -1.0)
    progress.on_train_epoch_end(trainer, None)  # type: ignore[arg-type]
    told = capsys.readouterr().err
    assert told == "         epoch 3/5  training 0.50000  validation 0.25000  (persistence 1.00000)\n"


def test_the_whole_line_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = io.StringIO()
    monkeypatch.setattr(shown, "console", lambda: Console(file=seen, force_terminal=True, width=160))
    with bar("fit", total=5) as line:
        progress = Progress(line, 5)
        progress.on_train_start(trainer_at(0), None)  # type: ignore[arg-type]
        progress.on_train_epoch_end(trainer_at(2, training=0.5, validation=0.25, persistence=1.0), None)  # type: ignore[arg-type]
    text = seen.getvalue()
    for words in ("60 %", "epoch 3/5", "validation 0.25000", "(persistence 1.00000)", "ends by"):
        assert words in text
