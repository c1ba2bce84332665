"""Which epochs are judged, and how signals end a training."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from nowcast.errors import StoppedError
from nowcast.progress import quiet
from nowcast.training.recipe import Recipe
from nowcast.training.watching.ending import Patience, Signals


def trainer_at(epoch: int, **metrics: float) -> Any:
    """As much of a Trainer as the callbacks look at."""
    optimiser = SimpleNamespace(param_groups=[{"lr": 0.01}])
    return SimpleNamespace(
        current_epoch=epoch,
        callback_metrics={name: torch.tensor(value) for name, value in metrics.items()},
        optimizers=[optimiser],
        num_training_batches=4,
        should_stop=False,
    )


def test_epochs_that_do_not_compare_are_no_reason_to_end(monkeypatch: pytest.MonkeyPatch) -> None:
    judged: list[Any] = []
    monkeypatch.setattr(Patience.__mro__[1], "on_train_epoch_end", lambda self, trainer, task: judged.append(task))
    tasks = [SimpleNamespace(comparable=comparable, free=True) for comparable in (False, True)]
    for task in tasks:
        Patience(Recipe(patience=3)).on_train_epoch_end(trainer_at(0), task)  # type: ignore[arg-type]
    assert judged == tasks[1:]


def test_patience_begins_when_the_truth_is_no_longer_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    judged: list[Any] = []
    monkeypatch.setattr(Patience.__mro__[1], "on_train_epoch_end", lambda self, trainer, task: judged.append(task.free))
    for free in (False, True):
        Patience(Recipe(patience=3)).on_train_epoch_end(trainer_at(0), SimpleNamespace(comparable=True, free=free))  # type: ignore[arg-type]
    assert judged == [True]


@pytest.fixture
def signals() -> Iterator[Signals]:
    before = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)]
    callback = Signals("the same again")
    with quiet():
        callback.on_fit_start(trainer_at(0), None)  # type: ignore[arg-type]
        callback.on_train_start(trainer_at(0), None)  # type: ignore[arg-type]
        yield callback
        callback.teardown(trainer_at(0), None, "fit")  # type: ignore[arg-type]
    assert [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)] == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_asks_for_an_end_and_a_second_interrupt_ends(number: signal.Signals, signals: Signals) -> None:
    assert signals.asked is None
    os.kill(os.getpid(), number)
    assert signals.asked == number
    os.kill(os.getpid(), signal.SIGTERM)
    with pytest.raises(StoppedError, match="at once") as caught:
        os.kill(os.getpid(), signal.SIGINT)
    assert caught.value.next_step == "the same again"
    assert caught.value.exit_code == 128 + number


def test_in_another_thread_signals_are_left_alone() -> None:
    before = signal.getsignal(signal.SIGINT)
    seen = []

    def other() -> None:
        callback = Signals("")
        callback.on_fit_start(trainer_at(0), None)  # type: ignore[arg-type]
        callback.on_train_start(trainer_at(0), None)  # type: ignore[arg-type]
        seen.append(signal.getsignal(signal.SIGINT))
        callback.teardown(trainer_at(0), None, "fit")  # type: ignore[arg-type]

    thread = threading.Thread(target=other)
    thread.start()
    thread.join()
    assert seen == [before]
    assert signal.getsignal(signal.SIGINT) is before
