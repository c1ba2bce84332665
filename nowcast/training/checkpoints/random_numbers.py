"""Where the generators of random numbers stand: a training that is taken up draws what it would have drawn."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import torch

from nowcast import ranks
from nowcast.training.checkpoints.file import packed, unpacked

__all__ = ["random_state", "random_states", "set_random_state"]


def random_state() -> dict[str, Any]:
    """Of every generator that a library may draw from unasked."""
    version, numbers, gauss = random.getstate()
    of_numpy: dict[str, Any] = dict(np.random.get_state(legacy=False))
    inner = {name: torch.tensor(np.asarray(part, "int64")) for name, part in of_numpy["state"].items()}
    return {
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        "numpy": {**of_numpy, "state": inner},
        "python": (version, torch.tensor(numbers), gauss),
    }


def random_states() -> list[dict[str, Any]]:
    """Those of all processes, in their order, for all: each draws as much as its share of windows makes it."""
    every = ranks.gathered_bytes(packed(random_state()))
    return [unpacked(each, name=f"random numbers of process {rank}") for rank, each in enumerate(every)]


def set_random_state(state: dict[str, Any]) -> None:
    """Let them go on from there."""
    torch.set_rng_state(state["torch"])
    if torch.cuda.is_available() and len(state["cuda"]) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all(state["cuda"])
    key, place = (state["numpy"]["state"][name].numpy() for name in ("key", "pos"))
    np.random.set_state({**state["numpy"], "state": {"key": key.astype("uint32"), "pos": int(place)}})
    version, numbers, gauss = state["python"]
    random.setstate((version, tuple(numbers.tolist()), gauss))
