"""Averaged weights: those of the formula, judged and kept in place of the newest, and taken up to the bit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import lightning as L
import pytest
import torch

from nowcast.losses import mse
from nowcast.models import ConvLSTM
from nowcast.training import Budget, Outcome, Recipe, fit
from nowcast.training.steps.averaging import Averaged

pytestmark = [
    pytest.mark.usefixtures("alone"),
    pytest.mark.filterwarnings("ignore:Checkpoint directory .* exists and is not empty"),
]


def network(seed: int = 0) -> ConvLSTM:
    torch.manual_seed(seed)
    return ConvLSTM(hidden=(4,), patch=2)


def fitted(folder: Path, blobs: Any, model: ConvLSTM, *, resume: bool = False, **recipe: Any) -> Outcome:
    folder.mkdir(exist_ok=True)
    told = Recipe(learning_rate=0.01, **recipe)
    budget = Budget(4, None, "as asked")
    return fit(model, mse, *blobs.loaders(), folder=folder, budget=budget, recipe=told, resume=resume)


def history(folder: Path) -> list[dict[str, float]]:
    lines = [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]
    return [{name: value for name, value in line.items() if name != "seconds"} for line in lines]


def test_it_follows_by_the_formula_and_forgets_where_it_began() -> None:
    model = network()
    averaged = Averaged(model, decay=0.9)
    wanted = {name: value.clone() for name, value in model.named_parameters()}
    for step in range(200):
        with torch.no_grad():
            for each in model.parameters():
                each.add_(torch.randn_like(each))
        averaged.follow(model, step=step)
        decay = min(0.9, (1 + step) / (10 + step))
        wanted = {name: decay * wanted[name] + (1 - decay) * value for name, value in model.named_parameters()}
    for name, value in averaged.forecaster.named_parameters():
        torch.testing.assert_close(value, wanted[name], rtol=1e-4, atol=1e-4)
        assert not value.requires_grad


def test_averaged_weights_are_judged_and_kept(tmp_path: Path, blobs: Any) -> None:
    plain, averaged = network(), network()
    fitted(tmp_path / "plain", blobs, plain)
    outcome = fitted(tmp_path / "averaged", blobs, averaged, ema=0.8)
    steps = [[line["training"] for line in history(tmp_path / name)] for name in ("plain", "averaged")]
    assert steps[0] == pytest.approx(steps[1]), "the steps themselves are the same"
    assert outcome.best == min(line["validation"] for line in history(tmp_path / "averaged"))
    assert not any(
        torch.equal(one, other) for one, other in zip(plain.parameters(), averaged.parameters(), strict=True)
    )
    assert blobs.validation_of(averaged, mse) == pytest.approx(outcome.best, rel=1e-4)


@pytest.mark.parametrize("adversarial", [None, 0.01])
def test_it_is_taken_up_to_the_bit(
    adversarial: float | None, tmp_path: Path, blobs: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = {"ema": 0.9, "adversarial": adversarial}
    whole = network()
    fitted(tmp_path / "whole", blobs, whole, **told)
    begin = L.Trainer.__init__
    with monkeypatch.context() as patch:  # four epochs were planned; the first run was cut off after two
        patch.setattr(L.Trainer, "__init__", lambda self, **keywords: begin(self, **{**keywords, "max_epochs": 2}))
        fitted(tmp_path / "half", blobs, network(), **told)
    rest = network(seed=9)
    fitted(tmp_path / "half", blobs, rest, resume=True, **told)
    assert history(tmp_path / "half") == history(tmp_path / "whole")
    assert all(torch.equal(rest.state_dict()[name], value) for name, value in whole.state_dict().items())
