"""What a step takes of memory is told without taking it."""

from __future__ import annotations

import pytest
import torch

from nowcast.losses import mixture
from nowcast.models import ConvLSTM, PredRNN
from nowcast.models.footprint import _Held
from nowcast.tensors import Batch
from nowcast.training import Curriculum, Recipe, free_memory, step_memory
from nowcast.training.steps.choice import task_of


@pytest.mark.parametrize("adversarial", [None, 0.01])
@pytest.mark.parametrize("loss", ["mse", "ms_ssim"])
def test_it_is_what_a_step_holds(loss: str, adversarial: float | None) -> None:
    torch.manual_seed(0)
    model, wanted = ConvLSTM(hidden=(16, 16)), mixture({loss: 1.0})
    recipe = Recipe(adversarial=adversarial)
    told = step_memory(model, wanted, recipe=recipe, least=11).bytes(pixels=2 * 64 * 64, context=4, horizon=3)
    task = task_of(model, wanted, recipe=recipe)
    batch = Batch(torch.rand(2, 4, 1, 64, 64), torch.rand(2, 3, 1, 64, 64), torch.ones(2, 3, 1, 64, 64))
    with _Held() as held:
        task.rehearse(batch)
    weights = sum(each.nbytes for each in model.parameters())
    assert 0.9 * held.most < told - 2 * weights < 1.6 * held.most


def test_a_network_that_is_taught_is_tried_so() -> None:
    model, loss = PredRNN(hidden=(4, 4)), mixture({"mse": 1.0})
    lesson = step_memory(model, loss, recipe=Recipe(curriculum=Curriculum("reverse", loss)))
    assert lesson.each_in > step_memory(model, loss).each_in


def test_trying_draws_nothing_and_changes_no_weight() -> None:
    model = ConvLSTM(hidden=(4,))
    before = [each.clone() for each in model.parameters()]
    state = torch.get_rng_state()
    step_memory(model, mixture({"mse": 1.0}), recipe=Recipe(adversarial=0.01))
    assert torch.equal(state, torch.get_rng_state())
    assert all(
        torch.equal(one, other) and other.grad is None for one, other in zip(before, model.parameters(), strict=True)
    )


def test_some_memory_is_free() -> None:
    free = free_memory()
    assert free is None or 10**7 < free < 10**14
