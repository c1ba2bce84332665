"""The newest frame at many scales, mixed in shares that are learnt."""

from __future__ import annotations

import pytest
import torch

from nowcast.models import Cascade, build


def field(*shape: int) -> torch.Tensor:
    torch.manual_seed(1)
    return torch.rand(*shape)


@pytest.mark.parametrize("size", [(64, 64), (37, 50), (5, 9)])
@pytest.mark.parametrize("masked", [False, True])
def test_any_field_any_horizon_any_context(size: tuple[int, int], masked: bool) -> None:
    model = Cascade(channels=2, masked=masked, hidden=(4, 6))
    for context in (1, 2, 6):
        frames = field(1, context, 4 if masked else 2, *size)
        answer = model(frames, 3)
        assert answer.shape == (1, 3, 2, *size)
        assert bool(torch.isfinite(answer).all())


def test_what_is_the_same_everywhere_stays_so_before_it_learns() -> None:
    model = Cascade(hidden=(4, 6))
    with torch.no_grad():
        for parameter in model.own.parameters():
            parameter.zero_()
    answer = model(torch.full((1, 4, 1, 40, 44), 0.6), 5)
    assert torch.allclose(answer, torch.full_like(answer, 0.6), atol=1e-5)


def test_a_mixture_lies_within_what_was_seen() -> None:
    model = Cascade(hidden=(4, 6))
    with torch.no_grad():
        for parameter in model.own.parameters():
            parameter.zero_()
    frames = field(2, 4, 1, 48, 48)
    answer = model(frames, 4).detach()
    assert float(answer.min()) >= float(frames.min())
    assert float(answer.max()) <= float(frames.max())
    assert float(answer[:, 0].std()) > 0.3 * float(frames.std())  # most of what is fine is kept


def test_missing_pixels_say_nothing() -> None:
    model = Cascade(masked=True, hidden=(4, 6))
    value, observed = field(1, 4, 1, 40, 40), torch.ones(1, 4, 1, 40, 40)
    observed[..., 10:20, 5:30] = 0
    one = model(torch.cat([value, observed], dim=2), 2)
    other = model(torch.cat([torch.where(observed > 0, value, 1e6), observed], dim=2), 2)
    assert torch.allclose(one, other, atol=1e-5)


def test_a_lead_time_by_itself_is_that_of_all() -> None:
    model = Cascade(hidden=(4, 6))
    frames = field(1, 4, 1, 33, 40)
    everything = model(frames, 6)
    some = torch.stack([*model.by_lead(frames, torch.ones_like(frames), [2, 5])], dim=1)
    assert torch.equal(some, everything[:, [1, 4]])
    assert model.leads_apart


def test_it_looks_at_the_newest_frames_alone() -> None:
    model = Cascade(hidden=(4, 6), frames=3)
    frames = field(1, 6, 1, 32, 32)
    assert torch.equal(model(frames, 2), model(frames[:, -3:], 2))
    assert model.looks_back == 3


def test_every_weight_learns() -> None:
    model = Cascade(masked=True, hidden=(4, 6))
    frames = torch.cat([field(2, 4, 1, 32, 32), torch.ones(2, 4, 1, 32, 32)], dim=2)
    (model(frames, 3) - field(2, 3, 1, 32, 32)).square().mean().backward()
    still = [name for name, each in model.named_parameters() if each.grad is None or not each.grad.abs().sum() > 0]
    assert not still


def test_it_is_built_by_name() -> None:
    assert isinstance(build("cascade", {"channels": 2, "masked": True, "hidden": [4, 6]}), Cascade)
