"""The task: its loss, its optimiser, its learning rate, and where it stops."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn

from nowcast.errors import InputError
from nowcast.losses import mse
from nowcast.models import Forecaster
from nowcast.tensors import Batch
from nowcast.training.supervised import OPTIMISERS, Supervised


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
    task = Supervised(Scale(value), mse, learning_rate=0.01)
    logged(task, monkeypatch)
    with pytest.raises(InputError, match=r"the loss became (nan|inf) in epoch 1, step 0") as caught:
        task.training_step(batch(), 0)
    assert "--learning-rate 0.001" in str(caught.value)


@pytest.mark.parametrize("name", OPTIMISERS)
def test_each_optimiser_steps_the_forecaster_s_weights(name: str) -> None:
    task = Supervised(Scale(), mse, optimiser=name, learning_rate=0.1, steps=100)
    chosen = task.configure_optimizers()
    optimiser = chosen["optimizer"]
    assert type(optimiser) is OPTIMISERS[name]
    assert [id(p) for group in optimiser.param_groups for p in group["params"]] == [id(task.forecaster.factor)]
    mse(task.forecaster(batch().context, 2), batch().target, batch().weight).backward()
    optimiser.step()
    assert task.forecaster.factor.item() > 1


def test_an_unknown_optimiser_is_refused() -> None:
    with pytest.raises(InputError, match="optimiser 'sgd' is not known") as caught:
        Supervised(Scale(), mse, optimiser="sgd")
    assert all(name in str(caught.value) for name in OPTIMISERS)


def test_the_learning_rate_warms_up_and_falls_along_half_a_cosine_to_a_hundredth() -> None:
    task = Supervised(Scale(), mse, learning_rate=0.1, steps=200)
    chosen = task.configure_optimizers()
    optimiser, schedule = chosen["optimizer"], chosen["lr_scheduler"]["scheduler"]
    assert chosen["lr_scheduler"]["interval"] == "step"
    rates = []
    for _ in range(220):
        rates.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        schedule.step()
    assert rates[0] == pytest.approx(0.1 / 20)
    assert max(rates) == pytest.approx(0.1, rel=0.05)
    assert rates.index(max(rates)) in range(17, 23)
    assert rates[100] == pytest.approx(0.1 * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi / 2))))
    assert rates[200:] == pytest.approx([0.001] * 20)
    assert all(later <= earlier for earlier, later in pairwise(rates[20:]))


def test_the_gradient_s_norm_is_cut() -> None:
    task = Supervised(Scale(), mse, clip=0.5)
    task.forecaster.factor.grad = torch.tensor(40.0)
    task.on_before_optimizer_step(torch.optim.Adam(task.parameters()))
    assert task.forecaster.factor.grad.item() == pytest.approx(0.5)
    task.forecaster.factor.grad = torch.tensor(0.1)
    task.on_before_optimizer_step(torch.optim.Adam(task.parameters()))
    assert task.forecaster.factor.grad.item() == pytest.approx(0.1)
