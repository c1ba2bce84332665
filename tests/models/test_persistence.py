"""Persistence holds what was seen last, for every lead, and learns nothing."""

from __future__ import annotations

import torch

from nowcast.models import Persistence


def test_every_lead_is_the_newest_frame() -> None:
    context = torch.rand(2, 3, 2, 5, 6)
    answer = Persistence(channels=2)(context, 4)
    assert answer.shape == (2, 4, 2, 5, 6)
    for lead in range(4):
        assert torch.equal(answer[:, lead], context[:, -1])


def test_a_missing_pixel_is_held_from_the_frame_that_saw_it() -> None:
    value = torch.rand(1, 3, 1, 4, 4) + 1
    observed = torch.ones_like(value)
    observed[:, 2, :, 0, 0] = 0
    observed[:, 1:, :, 1, 1] = 0
    observed[:, :, :, 2, 2] = 0
    answer = Persistence(masked=True)(torch.cat([value * observed, observed], dim=2), 2)
    expected = value[:, 2].clone()
    expected[..., 0, 0] = value[:, 1, :, 0, 0]
    expected[..., 1, 1] = value[:, 0, :, 1, 1]
    expected[..., 2, 2] = 0
    assert torch.equal(answer, expected[:, None].expand(-1, 2, -1, -1, -1))


def test_there_is_nothing_to_learn() -> None:
    assert list(Persistence().parameters()) == []
    assert Persistence().state_dict() == {}
