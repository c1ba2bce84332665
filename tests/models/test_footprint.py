"""What is told of memory is what is held: counted on small trials, compared with whole work."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor

from nowcast.models import RecurrentForecaster, build
from nowcast.models.footprint import Footprint, _Held, footprint

KINDS = {
    "convlstm": {"hidden": (12, 12)},
    "multiscale": {"hidden": (8, 12)},
    "predrnn": {"hidden": (12, 12), "kernel": 5},
}


def trial_of(kind: str, *, low_memory: bool = False) -> tuple[RecurrentForecaster, object]:
    torch.manual_seed(0)
    model = build(kind, {**KINDS[kind]})
    assert isinstance(model, RecurrentForecaster)
    model.low_memory = low_memory

    def trial(size: tuple[int, int], context: int, horizon: int, samples: int = 1) -> Tensor:
        own = copy.deepcopy(model)
        answer = own(torch.rand(samples, context, 1, *size), horizon)
        return (answer - torch.rand_like(answer)).square().mean()

    return model, trial


@pytest.mark.parametrize("low_memory", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_a_step_takes_what_was_told(kind: str, low_memory: bool) -> None:
    model, trial = trial_of(kind, low_memory=low_memory)
    told = footprint(trial, multiple=model.multiple)  # type: ignore[arg-type]
    with _Held() as held:
        trial((96, 64), 5, 4, samples=3).backward()  # type: ignore[operator]
    expected = told.bytes(pixels=3 * 96 * 64, context=5, horizon=4)
    assert 0.95 * held.most < expected < 1.25 * held.most


def test_work_without_a_way_back_is_what_it_makes() -> None:
    def trial(size: tuple[int, int], context: int, horizon: int) -> Tensor:
        return torch.zeros(context + 2 * horizon, *size)

    found = footprint(trial, multiple=4, least=20)
    assert found.bytes(pixels=100, context=3, horizon=1) == 100 * 4 * 5


def test_what_is_let_go_is_not_counted() -> None:
    with _Held() as held:
        one = torch.zeros(1000)
        view = one[:10]
        del one
        assert held.now == 4000, "a view holds it all"
        del view
        assert held.now == 0
        torch.zeros(500)
    assert held.most == 4000


def test_how_much_stays_within_a_limit() -> None:
    found = Footprint(1000, 1, 2, 3)
    limit = found.bytes(pixels=77, context=4, horizon=5)
    assert found.most(limit, context=4, horizon=5) == 77
    assert found.most(10, context=4, horizon=5) == 0
