"""What a known motion carries, and where it carries nothing."""

from __future__ import annotations

import math

import pytest
import torch
from echoes import along, around, echoes
from torch import Tensor

from nowcast.models.advection import carried, completed, transport
from nowcast.models.advection.transport import displacements


def uniform(x: float, y: float, size: tuple[int, int]) -> Tensor:
    return torch.tensor([x, y], dtype=torch.float64).view(1, 2, 1, 1).expand(1, 2, *size)


def turning(size: tuple[int, int], turn: float) -> Tensor:
    """Motion per step about the centre of the field: `(1 2 h w)`."""
    y, x = torch.meshgrid(*(torch.arange(n).double() - (n - 1) / 2 for n in size), indexing="ij")
    return turn * torch.stack([-y, x])[None]


def test_whole_pixels_are_moved_exactly_and_only_from_within() -> None:
    value = torch.rand(1, 2, 8, 9, dtype=torch.float64)
    moved, known = transport(value, torch.ones(1, 1, 8, 9).double(), uniform(2, -1, (8, 9)), 3)
    assert moved.shape == (1, 3, 2, 8, 9)
    assert known.shape == (1, 3, 1, 8, 9)
    for lead in (1, 2, 3):
        torch.testing.assert_close(moved[:, lead - 1, :, : 8 - lead, 2 * lead :], value[:, :, lead:, : 9 - 2 * lead])
        inside = torch.zeros(8, 9)
        inside[: 8 - lead, 2 * lead :] = 1
        assert torch.equal(known[0, lead - 1, 0].float(), inside)
        assert (moved[:, lead - 1] * (1 - known[:, lead - 1]) == 0).all()


def test_no_motion_changes_no_bit_and_a_coarse_motion_is_the_same() -> None:
    value, observed = torch.rand(2, 1, 13, 21), torch.ones(2, 1, 13, 21)
    moved, known = transport(value, observed, torch.zeros(2, 2, 2, 3), 4)
    assert torch.equal(moved, value[:, None].expand(-1, 4, -1, -1, -1))
    assert (known == 1).all()
    motion = torch.tensor([1.25, -0.5]).view(1, 2, 1, 1)
    fine, coarse = (transport(value, observed, motion.expand(2, 2, *grid), 4) for grid in ((13, 21), (2, 3)))
    for a, b in zip(fine, coarse, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-5)


def test_a_turning_field_is_followed_along_its_circles() -> None:
    size, turn = (81, 81), 0.1
    seen = echoes(size, around((40, 40), turn), [0, 6, 12])[0]
    moved, _ = transport(seen[:1], torch.ones_like(seen[:1]), turning(size, turn), 12)
    within = torch.zeros(81, 81)
    within[20:61, 20:61] = 1
    for lead, truth in ((6, seen[1]), (12, seen[2])):
        error = ((moved[0, lead - 1] - truth) * within).abs().max()
        assert error < 0.02 * seen.max()
        assert error < 0.05 * ((seen[0] - truth) * within).abs().max()


def test_a_step_back_is_the_motion_at_its_middle() -> None:
    turn = 0.2
    back = torch.cat([*displacements(turning((41, 41), turn), (41, 41), 5)])
    start = torch.tensor([10.0, 0.0]).double()  # from the centre, and back from there
    for step, displacement in enumerate(back[:, :, 20, 30], start=1):
        angle = -2 * step * math.atan(turn / 2)  # the implicit midpoint rule turns by that, on the circle itself
        there = 10 * torch.tensor([math.cos(angle), math.sin(angle)]).double()
        torch.testing.assert_close(start + displacement, there, rtol=0, atol=0.005 * step)


def test_missing_pixels_are_carried_along_and_say_nothing() -> None:
    value = torch.rand(1, 1, 6, 8, dtype=torch.float64) + 1
    observed = torch.ones_like(value)
    observed[..., 2, 3] = 0
    answer = transport(value, observed, uniform(1, 0, (6, 8)), 2)
    assert answer[0].isfinite().all()
    for lead in (1, 2):
        assert answer[1][0, lead - 1, 0, 2, 3 + lead] == 0
        assert answer[1][0, lead - 1, 0].sum() == 6 * (8 - lead) - 1
    value[..., 2, 3] = 1e6
    for a, b in zip(answer, transport(value, observed, uniform(1, 0, (6, 8)), 2), strict=True):
        assert torch.equal(a, b)
    moved, known = transport(value, observed, uniform(0.25, 0, (6, 8)), 1)
    assert known[0, 0, 0, 2, 3] == 0
    one = value[0, 0, 2, 4]  # of its two pixels the one that was seen
    torch.testing.assert_close(moved[0, 0, 0, 2, 4], one, rtol=1e-12, atol=0)


def test_a_late_frame_is_made_up_from_older_ones() -> None:
    seen = echoes((40, 48), along(3, -2), [0, 1, 2])
    observed = torch.ones_like(seen)
    observed[:, 2, :, 10:30, 10:30] = 0
    observed[:, 1, :, 20:25, 20:25] = 0
    newest, known = completed(seen * observed, observed, uniform(3, -2, (5, 6)))
    assert (known == 1).all()
    torch.testing.assert_close(newest, seen[:, 2], rtol=1e-5, atol=1e-5)
    observed[:, 2] = 0
    newest, known = completed(seen * observed, observed, uniform(3, -2, (5, 6)))
    assert 0.8 < known.mean() < 1
    torch.testing.assert_close(newest * known, seen[:, 2] * known, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("horizon", [1, 3])
def test_gradients_are_those_of_finite_differences(horizon: int) -> None:
    torch.manual_seed(0)
    value = torch.rand(2, 1, 6, 7, dtype=torch.float64, requires_grad=True)
    observed = (torch.rand(2, 1, 6, 7) > 0.2).double()
    motion = torch.randn(2, 2, 3, 3, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda each: transport(each, observed, motion, horizon)[0], (value,))


def test_beyond_the_field_stands_the_mean_along_its_border() -> None:
    field = torch.rand(1, 1, 1, 64, 64)
    motion = torch.zeros(1, 2, 8, 8)
    motion[:, 0] = 10.0
    brought, _, known = next(carried([field[:, 0]], field[:, 0], torch.ones(1, 1, 64, 64), motion, [1]))
    torch.testing.assert_close(brought[0, 0, :, 10:], field[0, 0, 0, :, :-10], rtol=0, atol=1e-4)
    assert not known[0, 0, :, :9].any()
    rows = brought[0, 0, :, 2]
    assert float(rows.std()) < 0.3 * float(field[0, 0, 0, :, 0].std())
    assert float(rows.mean()) == pytest.approx(float(field[0, 0, 0, :, :16].mean()), abs=0.1)
