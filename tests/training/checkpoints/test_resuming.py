"""What a training is taken up from, and what is refused: another training, a hostile state, nothing at all."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from nowcast.errors import InputError
from nowcast.losses import mse
from nowcast.models import ConvLSTM
from nowcast.training import Budget, Recipe
from nowcast.training.checkpoints.file import read, write
from nowcast.training.checkpoints.folder import OURS, step_path
from nowcast.training.checkpoints.resuming import HELD, taken_up
from nowcast.training.steps.choice import task_of
from nowcast.training.steps.task import Task

BUDGET = Budget(4, None, "as asked")


def a_task(hidden: int = 2, seed: int = 0, **told: Any) -> Task:
    torch.manual_seed(seed)
    return task_of(ConvLSTM(hidden=(hidden,), patch=2), mse, recipe=Recipe(**told), steps=12)


def state(**ours: Any) -> dict[str, Any]:
    """After two of four epochs."""
    told = {"step": 6, "epochs": 2, "ended": False, "budget": (4, None), "metrics": {"validation": 0.5}, "random": {}}
    held: dict[str, Any] = dict.fromkeys(HELD - {"versions"}, 0)
    return {**held, "state_dict": a_task().state_dict(), OURS: {**told, **ours}}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "checkpoints"
    place.mkdir()
    write(step_path(place, 6), state())
    return place


def test_the_state_and_the_weights_are_taken_up(folder: Path) -> None:
    task = a_task(seed=5)
    begun = taken_up(folder, task, BUDGET)
    assert begun is not None
    assert (begun.step, begun.epochs, begun.metrics, begun.over) == (6, 2, {"validation": 0.5}, False)
    assert begun.path == step_path(folder, 6)
    assert all(torch.equal(task.state_dict()[name], each) for name, each in a_task().state_dict().items())


@pytest.mark.parametrize(
    ("ours", "budget", "over"),
    [
        ({}, (4, None), False),
        ({}, (2, None), True),
        ({"ended": True}, (4, None), True),
        ({"ended": True}, (3, None), True),
        ({"ended": True}, (5, None), False),
        ({"ended": True, "budget": (4, 1.0)}, (4, 1.0), True),
        ({"ended": True, "budget": (4, 1.0)}, (4, 2.0), False),
        ({"ended": True, "budget": (4, 1.0)}, (4, None), False),
        ({"ended": True, "budget": (4, None)}, (4, 3.0), True),
    ],
)
def test_it_is_over_when_nothing_is_left_and_no_more_is_asked_for(
    ours: dict[str, Any], budget: tuple[int, float | None], over: bool, folder: Path
) -> None:
    write(step_path(folder, 6), state(**ours))
    begun = taken_up(folder, a_task(), Budget(*budget, "as asked"))
    assert begun is not None
    assert begun.over is over


def test_nothing_written_yet_is_a_beginning_unless_epochs_were_done(tmp_path: Path) -> None:
    history = tmp_path / "history.jsonl"
    assert taken_up(tmp_path / "checkpoints", a_task(), BUDGET) is None
    history.write_text(json.dumps({"epoch": 1}) + "\n")  # written just before the first checkpoint
    assert taken_up(tmp_path / "checkpoints", a_task(), BUDGET) is None
    history.write_text("".join(json.dumps({"epoch": epoch}) + "\n" for epoch in (1, 2)))
    with pytest.raises(InputError, match="nothing to resume from, though 2 epochs were done"):
        taken_up(tmp_path / "checkpoints", a_task(), BUDGET)


def test_what_a_killed_write_left_is_removed(folder: Path) -> None:
    (folder / ".step-00000007.ckpt-abc.part").mkdir()
    taken_up(folder, a_task(), BUDGET)
    assert [path.name for path in folder.iterdir()] == ["step-00000006.ckpt"]


def test_another_network_or_recipe_is_refused(folder: Path) -> None:
    with pytest.raises(InputError, match="begun without a discriminator"):
        taken_up(folder, a_task(adversarial=0.1), BUDGET)
    for task in (a_task(hidden=3), a_task(ema=0.9)):
        with pytest.raises(InputError, match="not a checkpoint of this training; nothing was changed"):
            taken_up(folder, task, BUDGET)


@pytest.mark.parametrize(
    "change",
    [
        lambda held: held.pop("loops"),
        lambda held: held.update(hyper_parameters={"_instantiator": "os.system"}),
        lambda held: held.update(state_dict=[1]),
        lambda held: held.update(state_dict={"forecaster.a": torch.ones(1)}),
        lambda held: held[OURS].pop("budget"),
        lambda held: held[OURS].update(budget=3),
        lambda held: held[OURS].update(budget=("4", None)),
        lambda held: held[OURS].update(epochs="2"),
        lambda held: held.update({OURS: None}),
    ],
)
def test_a_sealed_file_with_other_parts_is_refused(change: Callable[[dict[str, Any]], Any], folder: Path) -> None:
    held = state()
    change(held)
    write(step_path(folder, 6), held)
    before = read(step_path(folder, 6)).keys()
    with pytest.raises(InputError, match="nothing was changed"):
        taken_up(folder, a_task(), BUDGET)
    assert read(step_path(folder, 6)).keys() == before
