"""Trains in each process that torchrun starts; the first writes what came of it. `test_together.py` compares.

Arguments: a folder, and the names of cases. A case fails where the others do.
"""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file

from nowcast import ranks
from nowcast.errors import InputError
from nowcast.losses import mixture
from nowcast.models import ConvLSTM, Forecaster, PredRNN
from nowcast.progress import quiet
from nowcast.scaling import Scaler
from nowcast.tensors import Loader, Windows
from nowcast.tensors.augmenting import Augmentation
from nowcast.training import Budget, Curriculum, Recipe, fit
from nowcast.windows import plan

EPOCHS = 3
BATCH = 10
"""Of 21 windows: the last batch of an epoch has one, and the second process none."""


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
    scaler = Scaler("unit", 0.0, 1.0, units="mm h-1")
    cube = cube_of(case)
    parts = [Windows(part, plan(part, context=2, horizon=2), scaler, masked=masked) for part in (cube[:24], cube[24:])]
    shared: dict[str, Any] = {"rank": among.rank, "world": among.world, "seed": 1, "batch": BATCH}
    turned = Augmentation([(False, 0), (True, 1)], seed=0)
    training = Loader(parts[:1], prepared=turned, **shared)
    validation = Loader(parts[1:], shuffle=False, **shared)
    torch.manual_seed(0)
    model: Forecaster
    if masked:
        loss = mixture({"mse": 1.0, "mae": 0.5}, lead_weights=[2, 1])
        model, recipe = ConvLSTM(hidden=(4,), patch=2, masked=True), Recipe(accumulate=2, ema=0.5)
    else:
        loss = mixture({"mse": 1.0})
        model = PredRNN(hidden=(3, 3), patch=2, decoupling=0.1)
        recipe = Recipe(curriculum=Curriculum("reverse", loss))
    folder.mkdir(parents=True, exist_ok=True)
    fit(model, loss, training, validation, folder=folder, budget=Budget(EPOCHS, None, "as asked"), recipe=recipe)
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
