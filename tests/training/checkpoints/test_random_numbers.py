"""The state of every generator of random numbers is kept."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import numpy as np
import torch

from nowcast.training.checkpoints.file import read, write
from nowcast.training.checkpoints.random_numbers import random_state, set_random_state


def drawn() -> list[float]:
    return [
        torch.rand(()).item(), torch.randn(3).sum().item(), random.random(), random.gauss(0, 1),
        float(np.random.rand()), float(np.random.standard_normal()),
    ]  # fmt: skip


def test_every_generator_goes_on_from_its_state_through_a_file(tmp_path: Path) -> None:
    drawn()  # so that normal numbers are half used up
    write(tmp_path / "a.ckpt", random_state())
    wanted = drawn()
    assert drawn() != wanted
    set_random_state(read(tmp_path / "a.ckpt"))
    assert drawn() == wanted
    shutil.rmtree(tmp_path)
