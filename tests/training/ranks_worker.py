"""Trains in each process that torchrun starts; the first writes what came of it. `test_together.py` compares.

Arguments: a folder, and the names of cases. A case fails where the others do.
"""

from __future__ import annotations

import json
import os
import random
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor

from nowcast import ranks
from nowcast.errors import InputError
from nowcast.losses import mixture
from nowcast.models import ConvLSTM, Forecaster, PredRNN
from nowcast.progress import quiet
from nowcast.scaling import Scaler
from nowcast.tensors import Loader, Windows
from nowcast.tensors.augmenting import Augmentation
from nowcast.training import Budget, Curriculum, Monitor, Recipe, asked_for, find_learning_rate, fit
from nowcast.windows import plan

EPOCHS = 3
BATCH = 10
"""Of 21 windows: the last batch of an epoch has one, and the second process none."""

SCORE = "csi@0.5mm/h"

NOISY_BATCH, NOISY_EPOCHS = 2, 5
"""Eleven steps an epoch."""


class Noisy(ConvLSTM):
    """Draws from every generator, which each process has for itself."""

    def forward(self, context: Tensor, horizon: int) -> Tensor:
        return super().forward(self._disturbed(context), horizon)

    def lifted(self, context: Tensor, leads: Any) -> Any:
        return super().lifted(self._disturbed(context), leads)

    def _disturbed(self, context: Tensor) -> Tensor:
        if not self.training:
            return context
        return context * (torch.rand_like(context) + random.random() + float(np.random.random()))


def cube_of(case: str) -> Any:
    from conftest import Blobs

    cube = Blobs().cube
    if case == "masked":  # ever more is missing, so that processes see unequal shares
        random = np.random.default_rng(0)
        share = np.linspace(0, 0.9, len(cube))[:, None, None, None]
        cube = cube.where(random.random(cube.shape) > share)
    if case == "spoilt":
        cube[13, 0, 3, 5] = 1e38
    return cube


def trained(case: str, folder: Path, among: ranks.Place) -> None:
    """One training: `history.jsonl` and the weights in the folder."""
    masked = case == "masked"
    folder.mkdir(parents=True, exist_ok=True)
    scaler = Scaler("unit", 0.0, 1.0, units="mm h-1")
    cube = cube_of(case)
    parts = [Windows(part, plan(part, context=2, horizon=2), scaler, masked=masked) for part in (cube[:24], cube[24:])]
    noisy = case in ("noisy", "killed")
    batch = NOISY_BATCH if noisy else BATCH
    shared: dict[str, Any] = {"rank": among.rank, "world": among.world, "seed": 1, "batch": batch}
    turned = Augmentation([(False, 0), (True, 1)], seed=0)
    training = Loader(parts[:1], prepared=turned, **shared)
    validation = Loader(parts[1:], shuffle=False, **shared)
    torch.manual_seed(0)
    model: Forecaster
    more: dict[str, Any] = {}
    if noisy:
        loss, model, recipe = mixture({"mse": 1.0}), Noisy(hidden=(2,), patch=2), Recipe(ema=0.5)
        (folder / f"process{among.rank}").write_text(str(os.getpid()))
        for seed in (random.seed, np.random.seed, torch.manual_seed):
            seed(among.rank)
        more = {"checkpoint_minutes": 1e-9, "resume": (folder / "checkpoints").exists()}
    elif masked:
        loss = mixture({"mse": 1.0, "mae": 0.5}, lead_weights=[2, 1])
        model = ConvLSTM(hidden=(4,), patch=2, masked=True)
        recipe = Recipe(accumulate=2, ema=0.5, monitor=Monitor(SCORE, asked_for(SCORE), scaler, 0.5))
        found = find_learning_rate(model, loss, training, recipe=recipe)
        (folder / f"found{among.rank}.json").write_text(json.dumps(found))
    else:
        loss = mixture({"mse": 1.0})
        model = PredRNN(hidden=(3, 3), patch=2, decoupling=0.1)
        recipe = Recipe(curriculum=Curriculum("reverse", loss))
    budget = Budget(NOISY_EPOCHS if noisy else EPOCHS, None, "as asked")
    fit(model, loss, training, validation, folder=folder, budget=budget, recipe=recipe, **more)
    if among.first:
        save_file({name: each.contiguous() for name, each in model.state_dict().items()}, folder / "weights")


def main() -> None:
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    with quiet(), ranks.joined() as among:
        for case in sys.argv[2:]:
            try:
                trained(case, Path(sys.argv[1]) / case, among)
            except InputError as error:
                said = ranks.gathered(str(error))
                if among.first:
                    (Path(sys.argv[1]) / f"{case}.json").write_text(json.dumps(said))


if __name__ == "__main__":
    main()
