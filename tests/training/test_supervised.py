"""The supervised task: its loss, what it logs, and where it stops."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from nowcast.errors import InputError
from nowcast.losses import mse
from nowcast.models import Forecaster
from nowcast.tensors import Batch
from nowcast.training.recipe import Recipe
from nowcast.training.supervised import Supervised


class Scale(Forecaster):
    """The newest frame times one learnt number."""

    def __init__(self, start: float = 1.0) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(start))

    def forward(self, context: Tensor, horizon: int) -> Tensor:
        return (self.factor * context[:, -1:]).expand(-1, horizon, -1, -1, -1)


def batch(value: float = 1.0, size: int = 2) -> Batch:
    context = torch.full((size, 2, 1, 4, 4), value)
    return Batch(context, 2 * context, torch.ones_like(context))


def logged(task: Supervised, monkeypatch: pytest.MonkeyPatch) -> dict[str, tuple[float, int]]:
    seen: dict[str, tuple[float, int]] = {}

    def log(name: str, value: Tensor, *, batch_size: int, **_: object) -> None:
        seen[name] = (value.item(), batch_size)

    monkeypatch.setattr(task, "log", log)
    return seen


def test_training_and_validation_log_their_loss_and_persistence_s_beside_it(monkeypatch: pytest.MonkeyPatch) -> None:
    task = Supervised(Scale(1.5), mse)
    seen = logged(task, monkeypatch)
    assert task.training_step(batch(), 0).item() == pytest.approx(0.25)
    task.validation_step(batch(size=3), 0)
    assert seen == {"training": (0.25, 2), "validation": (0.25, 3), "persistence": (1.0, 3)}


def test_missing_pixels_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    task = Supervised(Scale(2.0), mse)
    logged(task, monkeypatch)
    good = batch()
    good.target[..., 0, 0] = 99
    good.weight[..., 0, 0] = 0
    assert task.training_step(good, 0).item() == 0


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_ends_it_with_what_to_try(value: float, monkeypatch: pytest.MonkeyPatch) -> None:
    task = Supervised(Scale(value), mse, recipe=Recipe(learning_rate=0.01))
    logged(task, monkeypatch)
    with pytest.raises(InputError, match=r"the loss became (nan|inf) in epoch 1, step 0") as caught:
        task.training_step(batch(), 0)
    assert "--learning-rate 0.001" in str(caught.value)


def test_a_rehearsed_step_has_gradients_and_changes_no_weight() -> None:
    task = Supervised(Scale(1.5), mse)
    task.rehearse(batch())
    assert task.forecaster.factor.grad.item() == pytest.approx(-1.0)
    assert task.forecaster.factor.item() == 1.5
    assert task.taken == 0
