"""Multiply-adds at the published sizes, 10 -> 10 frames of 64 x 64, counted by torch without working anything out."""

from __future__ import annotations

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from nowcast.models import E3DLSTM, RecurrentForecaster, build

STEPS = 19


def network(name: str, **keywords: object) -> RecurrentForecaster:
    with torch.device("meta"):
        model = build(name, {"hidden": (128,) * 4, "kernel": 5, "patch": 4, "blend": False, **keywords})
    assert isinstance(model, RecurrentForecaster)
    model.convolution = "direct"
    return model


def gmacs(model: RecurrentForecaster, horizon: int = 10) -> tuple[float, float]:
    """Of convolutions, and of all else."""
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(torch.empty(1, 10, 1, 64, 64, device="meta"), horizon)
    convolutions = counter.get_flop_counts()["Global"][torch.ops.aten.convolution]
    return convolutions / 2e9, (counter.get_total_flops() - convolutions) / 2e9


@pytest.mark.parametrize(
    ("name", "keywords", "published"),
    [("convlstm", {"fed_back": True}, 56.8), ("predrnn", {}, 116), ("predrnn++", {}, 171.7)],
)
def test_a_step_costs_what_is_published(name: str, keywords: dict[str, object], published: float) -> None:
    model = network(name, **keywords)
    (found, other), (longer, _) = gmacs(model), gmacs(model, 11)
    assert other == 0
    assert STEPS * (longer - found) == pytest.approx(published, rel=1e-3)
    assert 0.97 * published < found < published, "the first step convolves no states that are zero"


def test_e3dlstm_costs_what_it_says() -> None:
    convolutions, recall = gmacs(network("e3dlstm"))
    assert recall == pytest.approx(4 * 2 * 128 * 512**2 * sum(range(2, STEPS + 1)) / 1e9)
    assert E3DLSTM.__doc__ is not None
    assert f"{convolutions:.1f} of convolutions and {recall:.1f} of recall" in " ".join(E3DLSTM.__doc__.split())
