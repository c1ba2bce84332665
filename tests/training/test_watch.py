"""Which epochs are judged, and how Ctrl-C ends a training."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from nowcast.progress import quiet
from nowcast.training.watch import Best, Interruptible, Patience


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


@pytest.mark.parametrize("callback", [Best, Patience])
def test_epochs_that_do_not_compare_are_not_judged(
    callback: type[Best | Patience], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged: list[Any] = []
    parent = callback.__mro__[1]
    monkeypatch.setattr(parent, "on_train_epoch_end", lambda self, trainer, task: judged.append(task))
    made = Best(tmp_path) if callback is Best else Patience(3)
    tasks = [SimpleNamespace(comparable=comparable, free=True) for comparable in (False, True)]
    for task in tasks:
        made.on_train_epoch_end(trainer_at(0), task)  # type: ignore[arg-type]
    assert judged == tasks[1:]


def test_patience_begins_when_the_truth_is_no_longer_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    judged: list[Any] = []
    monkeypatch.setattr(Patience.__mro__[1], "on_train_epoch_end", lambda self, trainer, task: judged.append(task.free))
    for free in (False, True):
        Patience(3).on_train_epoch_end(trainer_at(0), SimpleNamespace(comparable=True, free=free))  # type: ignore[arg-type]
    assert judged == [True]


@pytest.fixture
def interruptible() -> Iterator[tuple[Interruptible, Any]]:
    before = signal.getsignal(signal.SIGINT)
    callback, trainer = Interruptible(), trainer_at(0)
    with quiet():
        callback.on_fit_start(trainer, None)  # type: ignore[arg-type]
        yield callback, trainer
        callback.teardown(trainer, None, "fit")  # type: ignore[arg-type]
    assert signal.getsignal(signal.SIGINT) is before


def test_the_first_interrupt_asks_for_an_end_and_the_second_ends(interruptible: tuple[Interruptible, Any]) -> None:
    callback, trainer = interruptible
    os.kill(os.getpid(), signal.SIGINT)
    assert callback.interrupted
    assert trainer.should_stop
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)


def test_what_clears_the_request_does_not_lose_it(interruptible: tuple[Interruptible, Any]) -> None:
    callback, trainer = interruptible
    callback.on_train_batch_end(trainer, None, None, None, 0)  # type: ignore[arg-type]
    assert not trainer.should_stop
    os.kill(os.getpid(), signal.SIGINT)
    trainer.should_stop = False
    callback.on_train_batch_end(trainer, None, None, None, 1)  # type: ignore[arg-type]
    assert trainer.should_stop


def test_in_another_thread_signals_are_left_alone() -> None:
    before = signal.getsignal(signal.SIGINT)
    seen = []

    def other() -> None:
        callback = Interruptible()
        callback.on_fit_start(trainer_at(0), None)  # type: ignore[arg-type]
        seen.append(signal.getsignal(signal.SIGINT))
        callback.teardown(trainer_at(0), None, "fit")  # type: ignore[arg-type]

    thread = threading.Thread(target=other)
    thread.start()
    thread.join()
    assert seen == [before]
    assert signal.getsignal(signal.SIGINT) is before
