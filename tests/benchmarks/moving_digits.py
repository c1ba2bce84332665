"""Moving MNIST made on a device, by the rules of `nowcast.datasets.moving_mnist`, with torch alone.

For `bench_moving_mnist_gpu.py`. The sequences of a test are drawn as that module draws them and are the same, bit by
bit; those to learn from are drawn on the device, new ones for each step.
"""

from __future__ import annotations

import gzip
import math
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

SIDE, SIZE, LENGTH, DIGITS, STEP = 28, 64, 20, 2, 0.1
SHARES = {"training": (0.0, 0.8), "validation": (0.8, 0.9), "test": (0.9, 1.0)}


def digits(folder: Path, device: str) -> dict[str, Tensor]:
    """Pictures `(digit, y, x)`, uint8, for each part; no picture is in two parts."""
    stored = gzip.decompress((folder / "t10k-images-idx3-ubyte.gz").read_bytes())
    every = torch.frombuffer(bytearray(stored), dtype=torch.uint8, offset=16).reshape(-1, SIDE, SIDE).to(device)
    return {part: every[round(low * len(every)) : round(high * len(every))] for part, (low, high) in SHARES.items()}


def numbered(pictures: Tensor, count: int, *, part: str, seed: int = 0) -> Tensor:
    """The first sequences `(count, LENGTH, 1, y, x)`, uint8, of a part of `moving_mnist(seed=seed)`."""
    picked, start, angle = [], [], []
    for number in range(count):
        random = np.random.default_rng((seed, list(SHARES).index(part), number))
        picked.append(random.choice(len(pictures), DIGITS, replace=False))
        start.append(random.random((DIGITS, 2)))
        angle.append(random.uniform(0, 2 * np.pi, DIGITS))
    velocity = STEP * np.stack([np.sin(angle), np.cos(angle)], axis=-1)
    given = (torch.from_numpy(np.stack(each)).to(pictures.device) for each in (picked, start, velocity))
    return moved(pictures, *given)


def drawn(pictures: Tensor, count: int, random: torch.Generator) -> Tensor:
    """Sequences `(count, LENGTH, 1, y, x)`, uint8, that nobody numbered; `random` is of the pictures' device."""
    like = {"generator": random, "device": pictures.device}
    one = torch.randint(len(pictures), (count, 1), **like)
    other = torch.randint(1, len(pictures), (count, 1), **like)
    start = torch.rand(count, DIGITS, 2, dtype=torch.float64, **like)
    angle = 2 * math.pi * torch.rand(count, DIGITS, dtype=torch.float64, **like)
    velocity = STEP * torch.stack([angle.sin(), angle.cos()], dim=-1)
    return moved(pictures, torch.cat([one, (one + other) % len(pictures)], dim=1), start, velocity)


def moved(pictures: Tensor, picked: Tensor, start: Tensor, velocity: Tensor) -> Tensor:
    """`picked (n, digit)`, `start` and `velocity (n, digit, 2)` in the unit square to frames `(n, LENGTH, 1, y, x)`."""
    place, corners = start, []
    for _ in range(LENGTH):
        place = place + velocity
        velocity = torch.where((place <= 0) | (place >= 1), -velocity, velocity)
        place = place.clamp(0, 1)
        corners.append((place * (SIZE - SIDE)).long())
    row, column = torch.stack(corners, dim=1).unbind(-1)  # (n, LENGTH, digit)
    within = torch.arange(SIDE, device=picked.device)
    pixels = (within[:, None] * SIZE + within).flatten()
    at = (row * SIZE + column)[..., None] + pixels
    frames = torch.zeros(*at.shape[:-1], SIZE * SIZE, dtype=torch.uint8, device=picked.device)
    values = pictures[picked].flatten(2)[:, None].expand(at.shape)
    return frames.scatter_(-1, at, values).amax(dim=2).unflatten(-1, (1, SIZE, SIZE))
