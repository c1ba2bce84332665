"""When checkpoints are written, and that a training taken up from any of them is the undisturbed one to the bit."""

from __future__ import annotations

import contextlib
import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import xarray as xr
from torch import Tensor, nn

from nowcast.losses import mse
from nowcast.models import ConvLSTM, Forecaster, PredRNN
from nowcast.scaling import Scaler
from nowcast.tensors import Loader, Windows
from nowcast.tensors.augmenting import Augmentation
from nowcast.training import Budget, Curriculum, Outcome, Recipe, fit
from nowcast.windows import plan

EPOCHS, STEPS = 2, 3
ALWAYS = 1e-9
"""Minutes between checkpoints."""


@pytest.fixture(autouse=True)
def _alone(alone: None) -> None:
    """On one thread."""


def network(kind: str = "convlstm") -> Forecaster:
    torch.manual_seed(0)
    np.random.seed(0)
    random.seed(0)
    if kind == "predrnn":
        return PredRNN(hidden=(3, 3), patch=2, decoupling=0.1)
    return ConvLSTM(hidden=(4,), patch=2)


def loaders() -> tuple[Loader, Loader]:
    values = np.random.default_rng(0).random((30, 1, 16, 16)).astype("float32")
    times = np.datetime64("2026-05-01", "ns") + np.arange(30) * np.timedelta64(60, "s")
    cube = xr.DataArray(values, dims=("time", "channel", "y", "x"), coords={"time": times}, name="noise")
    scaler = Scaler("unit", 0.0, 1.0)
    parts = cube[:16], cube[16:]
    windows = [Windows(part, plan(part, context=3, horizon=3), scaler, masked=False) for part in parts]
    turned = Augmentation([(False, 0), (True, 1), (False, 2)], seed=4)
    drawn = lambda epoch: np.sort(np.random.default_rng(epoch).permutation(11)[:9])  # noqa: E731
    training = Loader([windows[0]], batch=3, shuffle=True, prepared=turned, drawn=drawn)
    return training, Loader([windows[1]], batch=2, shuffle=False)


class KilledError(BaseException):
    """What ends a training here without a word to anybody."""


class Killing:
    """A loss that kills at its n-th call, in training or in validation.

    In training it draws from the generators of torch, of numpy and of Python, as somebody's network may.
    """

    def __init__(self, at: int | None) -> None:
        self.left = at

    def __call__(self, prediction: Tensor, target: Tensor, weight: Tensor) -> Tensor:
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                raise KilledError
        if not torch.is_grad_enabled():
            return mse(prediction, target, weight)
        drawn = 1 + 0.1 * (np.random.standard_normal() + random.gauss(0, 1))
        return drawn * mse(nn.functional.dropout(prediction, 0.1), target, weight)


def trained(
    folder: Path, *, at: int | None = None, resume: bool = False, kind: str = "convlstm", minutes: float = ALWAYS,
    adversarial: float | None = None, epochs: int = EPOCHS, validated: bool = True,
    batches: int | None = None, **told: Any,
) -> tuple[Forecaster, Outcome]:  # fmt: skip
    folder.mkdir(exist_ok=True)
    model = network(kind)
    curriculum = Curriculum("reverse", mse) if kind == "predrnn" else None
    recipe = Recipe(adversarial=adversarial, curriculum=curriculum, learning_rate=1e-2, **told)
    training, validation = loaders()
    outcome = fit(
        model,
        Killing(at),
        training,
        validation if validated else None,
        folder=folder,
        budget=Budget(epochs, None, "as asked", batches),
        recipe=recipe,
        resume=resume,
        checkpoint_minutes=minutes,
    )
    return model, outcome


def history(folder: Path) -> list[dict[str, Any]]:
    rows = [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]
    return [{name: value for name, value in row.items() if name != "seconds"} for row in rows]


def same(one: Forecaster, other: Forecaster) -> bool:
    mine, yours = one.state_dict(), other.state_dict()
    return mine.keys() == yours.keys() and all(torch.equal(mine[name], yours[name]) for name in mine)


WAYS: list[dict[str, Any]] = [
    {},
    {"adversarial": 0.1},
    {"kind": "predrnn"},
    {"kind": "predrnn", "adversarial": 0.1},
    {"validated": False},
    {"minutes": 60.0},
    {"batches": 2},
    {"accumulate": 2, "ema": 0.9, "schedule": "one_cycle", "nonfinite": "skip"},
]


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_it_goes_on_after_any_kill_as_if_nothing_had_been(
    way: dict[str, Any], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Killed within steps and within validations; with `--full` at every call of the loss."""
    whole, wanted = trained(tmp_path / "whole", **way)
    calls = EPOCHS * (STEPS * (1 + ("adversarial" in way or "kind" in way)) + (0 if "validated" in way else 2 * 5))
    moments = range(1, calls) if request.config.getoption("--full") else random.Random(str(way)).sample(range(1, 14), 2)
    for at in moments:
        folder = tmp_path / f"at{at}"
        with contextlib.suppress(KilledError):
            trained(folder, at=at, **way)
        model, found = trained(folder, resume=True, **way)
        assert same(model, whole), at
        assert history(folder) == history(tmp_path / "whole"), at
        assert found.idle or found == wanted, at
