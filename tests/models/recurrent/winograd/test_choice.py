"""The transform's domain is chosen where it is of use; how well is measured in bench_recurrent.py."""

from __future__ import annotations

import torch

from nowcast.models.recurrent.winograd.choice import pays


def test_it_is_taken_for_wide_layers_in_single_precision() -> None:
    like = torch.empty(8, 1, 16, 16)
    assert pays(256, 512, 5, (8, 16, 16), like)
    assert pays(96, 192, 3, (8, 16, 16), like)


def test_and_left_where_it_cannot_be_of_use() -> None:
    like = torch.empty(8, 1, 16, 16)
    assert not pays(256, 512, 5, (8, 16, 16), like.double())
    assert not pays(256, 512, 5, (8, 16, 16), like.to("meta"))
    assert not pays(256, 512, 7, (8, 16, 16), like)
    assert not pays(256, 512, 1, (8, 16, 16), like)
    assert not pays(1, 2, 3, (8, 16, 16), like)
    assert not pays(256, 512, 3, (8, 1, 1), like)
