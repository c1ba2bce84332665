"""What merely moves is mixed in by as much as would have told the newest frame best."""

from __future__ import annotations

import pytest
import torch
from test_framed import moving
from torch import Tensor

from nowcast.models import Exceedance, Forecaster, Framed
from nowcast.models.hindcast import FADING, SIDE, busiest, mix, shares

TOLD = Exceedance(thresholds=[0.3, 0.6], spreads=[0.3, 0.4, 0.4])


def lifted(mean: Tensor, *chances: Tensor) -> Tensor:
    """`(b c h w)` each."""
    parts = [mean / TOLD.spreads[0], *(each / unit for each, unit in zip(chances, TOLD.units, strict=True))]
    return torch.cat(parts, dim=1)


@pytest.mark.parametrize("kept", [0.1, 0.3])
def test_the_share_is_that_of_the_pixels_that_went_on_as_they_were(kept: float) -> None:
    drawn = torch.Generator().manual_seed(3)
    chance = torch.rand(2, 1, 200, 200, generator=drawn)
    moved, anew = (0.4 * (torch.rand(chance.shape, generator=drawn) < chance) for _ in range(2))
    truth = torch.where(torch.rand(chance.shape, generator=drawn) < kept, moved, anew)
    seen = torch.ones_like(chance)
    found = shares(lifted(0.4 * chance, chance, torch.zeros_like(chance)), moved, truth, seen, TOLD)
    assert found.shape == (2, 3, 1)
    torch.testing.assert_close(found[:, 1], torch.full((2, 1), kept), rtol=0, atol=0.02)
    torch.testing.assert_close(found[:, 0], torch.full((2, 1), kept), rtol=0, atol=0.02)
    assert not found[:, 2].any()


def test_of_a_mean_that_few_pixels_decide_the_share_is_that_of_the_thresholds() -> None:
    drawn = torch.Generator().manual_seed(3)
    chance = torch.rand(1, 1, 200, 200, generator=drawn)
    moved = 0.4 * (torch.rand(chance.shape, generator=drawn) < chance)
    told, seen = lifted(0 * chance, chance, 0 * chance), torch.ones_like(chance)
    truth = 0.5 * moved * (torch.rand(chance.shape, generator=drawn) < 0.5)
    many = float(shares(told, moved, truth, seen, TOLD)[0, 0])
    assert many == pytest.approx(0.25, abs=0.01)  # of squared error of the mean alone
    moved[..., 100, 100] = 1000.0  # nearly all of the sums
    few = shares(told, moved, torch.where(moved == 1000, moved, truth), seen, TOLD)[0, :, 0]
    assert float(few[0]) == pytest.approx(float(few[1]), abs=0.01)


def test_nothing_is_mixed_in_where_nothing_tells_so_and_never_more_than_all() -> None:
    drawn = torch.Generator().manual_seed(4)
    moved = 0.4 * (torch.rand(1, 1, 64, 64, generator=drawn) < 0.2)
    faint = lifted(0.1 + 0 * moved, 0.2 + 0 * moved, 0 * moved)
    seen = torch.ones_like(moved)
    assert (shares(faint, moved, moved, seen, TOLD)[:, :2] > 0.9).all()
    assert not shares(faint, moved, moved, 0 * seen, TOLD).any()
    assert not shares(faint, moved, 0.4 - moved, seen, TOLD).any()
    assert not shares(TOLD.lift(moved[:, None])[:, 0], moved, 0.4 - moved, seen, TOLD).any()
    few = torch.zeros_like(moved)
    few[..., :4, :4] = 1
    assert 0 < float(shares(faint, moved, moved, few, TOLD)[0, 1]) < 0.5


def test_what_is_mixed_falls_with_the_lead_time_and_only_what_was_seen_is() -> None:
    told, moved, seen = torch.zeros(1, 3, 8, 8), torch.full((1, 1, 8, 8), 0.5), torch.ones(1, 1, 8, 8)
    seen[..., :4] = 0
    share = torch.tensor([0.2, 0.3, 0.4]).view(1, 3, 1)
    near = TOLD.lift(moved[:, None])[:, 0]
    for lead, falls in ((1, 1.0), (1 + FADING, torch.e**-1)):
        mixed = mix(told.clone(), moved, seen, share, TOLD, int(lead))
        torch.testing.assert_close(mixed[..., 4:], (falls * share[..., None] * near)[..., 4:])
        assert not mixed[..., :4].any()


def test_a_large_field_is_judged_by_the_piece_in_which_most_happens() -> None:
    frame = torch.zeros(1, 1, 1000, 900)
    frame[..., 700:760, 500:560] = 0.5
    frame[..., 100:110, 100:110] = 0.7
    seen = torch.ones_like(frame[0])
    y, x = busiest(frame[0], seen, TOLD)
    assert (y.stop - y.start, x.stop - x.start) == (SIDE, SIDE)
    assert frame[..., y, x].sum() == frame[..., 300:, 300:].sum()
    assert busiest(frame[0, :, :50, :70], seen[:, :50, :70], TOLD) == (slice(0, 50), slice(0, 70))
    seen[:, 400:] = 0  # what is missing is 0, and no echo
    y, x = busiest(frame[0], seen, TOLD)
    assert (y.start, x.start) == (0, 0)


class Faint(Forecaster):
    """Half of what it should tell."""

    leads_apart = True

    def forward(self, context: Tensor, horizon: int) -> Tensor:
        return (0.5 * self.parted(context)[0][:, -1:]).expand(-1, horizon, -1, -1, -1)


@pytest.mark.parametrize("frame", ["still", "lagrangian"])
def test_chances_that_are_too_faint_are_made_surer_by_the_newest_frame(frame: str) -> None:
    frames = moving(6, step=(2, 1) if frame == "lagrangian" else (0, 0))
    context = torch.cat([frames[:, :4], torch.ones_like(frames[:, :4])], dim=2)
    forecaster = Framed(Faint(channels=3, masked=True), masked=True, frame=frame, exceedance=TOLD)
    own = forecaster.train().lifted(context, [1, 2])
    mixed = forecaster.eval().lifted(context, [1, 2])
    truth = TOLD.lift(frames[:, 4:])
    known = 1 if own.known is None else own.known
    wrong = [float((((each.values - truth) * known) ** 2).sum()) for each in (own, mixed)]
    assert wrong[1] < 0.5 * wrong[0]
    alone = forecaster.lifted(context, [2])  # though the network gives one memory for all lead times
    torch.testing.assert_close(mixed.values[:, 1:], alone.values)
    context[:, -1, 1] = 0  # the newest frame was not seen
    context[:, -1, 0] = 0
    blind = forecaster.lifted(context, [1])
    assert torch.equal(blind.values, forecaster.train().lifted(context, [1]).values)


def test_two_frames_tell_nothing_of_the_newest() -> None:
    frames = moving(2)
    context = torch.cat([frames, torch.ones_like(frames)], dim=2)
    forecaster = Framed(Faint(channels=3, masked=True), masked=True, exceedance=TOLD)
    assert torch.equal(forecaster.eval().lifted(context, [1]).values, forecaster.train().lifted(context, [1]).values)


def test_a_channel_that_is_missing_leaves_the_other_its_own() -> None:
    frames = moving(4).repeat(1, 1, 2, 1, 1)
    observed = torch.ones_like(frames)
    observed[:, -1, 1] = 0
    context = torch.cat([frames * observed, observed], dim=2)
    forecaster = Framed(
        Faint(channels=6, masked=True), channels=2, masked=True, frame="lagrangian", exceedance=TOLD
    ).eval()
    told = forecaster.lifted(context, [1])
    alone = Framed(Faint(channels=3, masked=True), masked=True, frame="lagrangian", exceedance=TOLD).eval()
    assert told.known is not None
    assert told.known.mean() > 0.9
    first = alone.lifted(torch.cat([frames[:, :, :1], observed[:, :, :1]], dim=2), [1])
    torch.testing.assert_close(told.values[:, :, ::2] * told.known, first.values * told.known, rtol=0, atol=0.02)


def test_a_window_is_judged_alike_alone_and_among_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nowcast.models.hindcast.SIDE", 32)
    frames = torch.cat([moving(4), moving(4).flip(-1, -2)])
    context = torch.cat([frames, torch.ones_like(frames)], dim=2)
    forecaster = Framed(Faint(channels=3, masked=True), masked=True, frame="lagrangian", exceedance=TOLD).eval()
    both = forecaster.lifted(context, [1]).values
    torch.testing.assert_close(both[:1], forecaster.lifted(context[:1], [1]).values, rtol=0, atol=1e-5)
