"""Chances that are wrong in the same way throughout validation are mended; those that are not are left as they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import pytest
import torch
from torch import Tensor

from nowcast.models import Framed, build
from nowcast.tensors import Batch, Loader
from nowcast.training import calibrate

LEVELS = (0.3, 0.6)
LEADS = 2


def teller() -> Framed:
    told = {"thresholds": LEVELS, "spreads": [1.0, 0.4, 0.3]}
    return cast(Framed, build("persistence", {"exceedance": told}))


def batches(shares: Sequence[float], *, seed: int = 0) -> Loader:
    """Where the newest frame reaches a threshold, the truth does in such a share of places; elsewhere never."""
    draws = torch.Generator().manual_seed(seed)
    made = []
    for share in shares:
        context = torch.rand(1, 3, 1, 64, 64, generator=draws)
        stays = torch.rand(1, LEADS, 1, 64, 64, generator=draws) < share
        target = torch.where(stays, context[:, -1:], 0.0)
        made.append(Batch(context, target, torch.ones_like(target)))
    return cast(Loader, made)


def chances(model: Framed, context: Tensor) -> Tensor:
    with torch.no_grad():
        found = model.eval().chances(model.lifted(context, range(1, LEADS + 2)).values)
    assert found is not None
    return found


def test_chances_that_are_twice_too_high_are_halved_at_every_lead_time_and_later_ones() -> None:
    model, validation = teller(), batches([0.6] * 6)
    before = chances(model, next(iter(validation)).context)
    done = calibrate(model, validation, horizon=LEADS)
    assert done.slopes is not None
    assert torch.tensor(done.slopes) == pytest.approx(0.6, abs=0.02)
    assert done.after < 0.75 * done.before
    assert "of 2 threshold(s) are multiplied by 0." in str(done)
    after = chances(model, next(iter(validation)).context)
    torch.testing.assert_close(after, 0.6 * before, atol=0.02, rtol=0)


def test_what_is_right_already_and_what_errs_both_ways_is_left_alone() -> None:
    for shares in ([1.0] * 4, [1.0, 1.0, 0.4, 0.4]):
        model, validation = teller(), batches(shares)
        if shares[-1] < 1:
            model.exceedance.spreads = (1.0, 0.28, 0.21)  # type: ignore[union-attr]  # told as 0.7 of what they were
        done = calibrate(model, validation, horizon=LEADS)
        assert done.slopes is None
        assert model.exceedance is not None
        assert model.exceedance.slopes is None
        assert "none is changed" in str(done)


def test_missing_pixels_say_nothing() -> None:
    one, other = teller(), teller()
    clean = batches([0.6] * 4)
    holed = []
    for batch in clean:
        weight = batch.weight.clone()
        weight[..., 20:40, :] = 0
        holed.append(
            (Batch(batch.context, batch.target, weight), Batch(batch.context, batch.target + 5 * (1 - weight), weight))
        )
    first = calibrate(one, cast(Loader, [a for a, _ in holed]), horizon=LEADS)
    second = calibrate(other, cast(Loader, [b for _, b in holed]), horizon=LEADS)
    assert first.slopes is not None
    assert first.slopes == second.slopes


def test_in_training_nothing_is_multiplied() -> None:
    model = teller()
    calibrate(model, batches([0.6] * 4), horizon=LEADS)
    context = torch.rand(1, 3, 1, 8, 8)
    trained = model.train().lifted(context, [1]).values
    assert torch.equal(trained, model.lift(context[:, -1:]))
    assert not torch.equal(model.eval().lifted(context, [1]).values, trained)


def test_a_model_is_made_again_with_its_slopes(tmp_path: Any) -> None:
    model = teller()
    done = calibrate(model, batches([0.6] * 4), horizon=LEADS)
    told = {"thresholds": LEVELS, "spreads": [1.0, 0.4, 0.3], "slopes": done.slopes}
    again = cast(Framed, build("persistence", {"exceedance": told}))
    context = torch.rand(1, 3, 1, 8, 8)
    assert torch.equal(chances(again, context), chances(model, context))
