"""The range test finds a rate that is neither too low nor too high, and leaves all as it was."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import nowcast
from nowcast import config
from nowcast.datasets import advected_echoes
from nowcast.errors import InputError
from nowcast.losses import mse
from nowcast.models import ConvLSTM
from nowcast.training import Recipe, find_learning_rate

pytestmark = pytest.mark.usefixtures("alone")


def network() -> ConvLSTM:
    torch.manual_seed(0)
    return ConvLSTM(hidden=(4,), patch=2)


def test_weights_order_and_random_numbers_are_as_if_nothing_had_been_tried(blobs: Any) -> None:
    model, (training, _) = network(), blobs.loaders()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    state, numbers, where = torch.get_rng_state(), np.random.get_state()[1].copy(), training.state_dict()
    find_learning_rate(model, mse, training, recipe=Recipe(adversarial=0.01, ema=0.9))
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert all(each.grad is None for each in model.parameters())
    assert torch.equal(state, torch.get_rng_state())
    assert np.array_equal(numbers, np.random.get_state()[1])
    assert training.epoch == where["epoch"]
    again = [cut.numbers.tolist() for cut in training.cut()]
    assert again == [cut.numbers.tolist() for cut in blobs.loaders()[0].cut()]


def test_it_is_a_tenth_of_the_rate_of_the_least_loss_and_says_so(blobs: Any) -> None:
    found = find_learning_rate(network(), mse, blobs.loaders()[0])
    least = int(np.argmin(found.losses))
    assert found.learning_rate == pytest.approx(found.rates[least] / 10, rel=0.05)
    assert 1e-4 < found.learning_rate < 0.1
    assert found.losses[least] < 0.8 * found.losses[0]
    assert found.rates == sorted(found.rates)
    assert re.match(r"0\.\d+, a tenth of the rate of the least loss; losses: 0\.\d+ at 1\.0e-06, ", str(found))


def test_a_loss_that_falls_at_no_rate_is_refused(blobs: Any) -> None:
    seen = iter(range(1000))

    def worse(prediction: Tensor, target: Tensor, weight: Tensor) -> Tensor:
        return mse(prediction, target, weight) * 0 + next(seen)

    for loss in (worse, lambda *given: mse(*given) * math.nan):
        with pytest.raises(InputError, match="no learning rate was found"):
            find_learning_rate(network(), loss, blobs.loaders()[0])


def test_the_run_s_folder_holds_what_was_found(tmp_path: Path) -> None:
    cube = advected_echoes(frames=40, size=16)
    place = tmp_path / "run"
    nowcast.fit(
        cube,
        run=place,
        model="convlstm",
        hidden=[4],
        epochs=1,
        context=3,
        horizon=2,
        learning_rate="find",
        progress=False,
    )
    rate = config.resolve(place / "config.yaml").training.learning_rate
    assert isinstance(rate, float)
    assert 1e-5 < rate < 0.1
    assert rate != config.Settings().training.learning_rate
