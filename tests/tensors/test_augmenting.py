"""Windows turned and mirrored: the same for context, target and weight, and the same again for the same epoch."""

from __future__ import annotations

import numpy as np
import torch

from nowcast.sampling import Symmetry
from nowcast.tensors import Batch
from nowcast.tensors.augmenting import Augmentation

ALL = tuple(Symmetry(mirrored, turns) for mirrored in (False, True) for turns in range(4))


def batch(size: int = 64) -> Batch:
    context = torch.arange(size * 2 * 2 * 16.0).view(size, 2, 2, 4, 4)
    return Batch(context, context[:, :, :1] + 0.5, (context[:, :, :1] % 3 > 0).float())


def test_all_parts_of_a_window_are_shown_alike() -> None:
    given, windows = batch(), np.arange(64)
    augment = Augmentation(ALL, seed=1)
    made = augment(given, windows, 3)
    for index, number in enumerate(augment.chosen(windows, 3).tolist()):
        mirrored, turns = ALL[number]
        for before, after in zip(given, made, strict=True):
            expected = np.flip(before[index].numpy(), -1) if mirrored else before[index].numpy()
            np.testing.assert_array_equal(after[index], np.rot90(expected, turns, (-2, -1)))
    assert torch.equal(given.context, batch().context), "what was given is not changed"


def test_frames_stay_in_their_order_and_channels_in_theirs() -> None:
    made = Augmentation(ALL, seed=0)(batch(), np.arange(64), 0)
    assert torch.equal(made.context.mean(dim=(-2, -1)), batch().context.mean(dim=(-2, -1)))


def test_a_window_epoch_and_seed_tell_the_symmetry() -> None:
    windows = np.arange(4000)
    augment = Augmentation(ALL, seed=5)
    first = augment.chosen(windows, 2)
    np.testing.assert_array_equal(augment.chosen(windows[::-1], 2)[::-1], first)
    assert (augment.chosen(windows, 3) != first).mean() > 0.8
    assert (Augmentation(ALL, seed=6).chosen(windows, 2) != first).mean() > 0.8
    shares = np.bincount(first, minlength=8) / len(windows)
    assert (np.abs(shares - 1 / 8) < 0.02).all(), "each is shown about as often"
    steps = np.bincount((np.diff(first)) % 8, minlength=8) / len(windows)
    assert (steps < 0.2).all(), "neighbours tell nothing of each other"
