"""Known motions are found again, and where nothing tells of motion there is none."""

from __future__ import annotations

import pytest
import torch
from echoes import along, around, echoes
from torch import Tensor

from nowcast.models.advection import motion
from nowcast.models.advection.sampling import resized


def found(frames: Tensor, observed: Tensor | None = None) -> Tensor:
    """The motion at each pixel."""
    answer = motion(frames, torch.ones_like(frames) if observed is None else observed)
    assert answer.shape[-2:] == (-(-frames.shape[-2] // 8), -(-frames.shape[-1] // 8))
    return resized(answer, (frames.shape[-2], frames.shape[-1]))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("shift", [(1, 0), (-3, 2), (0.4, -0.7), (7.5, 4.25), (-15, 0), (10, -15), (14, 14)])
def test_known_shifts_are_found(shift: tuple[float, float], dtype: torch.dtype) -> None:
    frames = echoes((150, 170), along(*shift), [0, 1, 2]).to(dtype)
    error = (found(frames) - torch.tensor(shift, dtype=dtype).view(1, 2, 1, 1)).abs()
    assert error[..., 20:-20, 20:-20].max() < 0.3
    assert error.mean() < 0.1


@pytest.mark.parametrize("times", [[0, 1], [0, 1, 2, 3]])
def test_two_frames_are_enough_and_more_are_taken(times: list[int]) -> None:
    error = found(echoes((100, 90), along(4, -3), times)) - torch.tensor([4.0, -3.0]).view(1, 2, 1, 1)
    assert error.abs()[..., 15:-15, 15:-15].max() < 0.3


def test_a_turning_field_is_found_with_its_centre() -> None:
    frames = echoes((160, 160), around((79.5, 79.5), 0.04), [0, 1, 2])
    y, x = torch.meshgrid(*(torch.arange(160).double() - 79.5,) * 2, indexing="ij")
    error = (found(frames) - 0.04 * torch.stack([-y, x])[None])[..., 30:-30, 30:-30]
    assert error.abs().mean() < 0.15
    assert error.abs().max() < 0.5


def test_dry_and_missing_areas_take_over_what_moves_around_them() -> None:
    frames = echoes((150, 170), along(5, 2), [0, 1, 2])
    y, x = torch.meshgrid(torch.arange(150), torch.arange(170), indexing="ij")
    wet = frames * torch.exp(-(((x - 60) ** 2 + (y - 75) ** 2) / 40**2))
    moving = torch.tensor([5.0, 2.0]).view(1, 2, 1, 1)
    assert (found(wet * (wet > 0.05)) - moving).abs()[..., 140:].max() < 2.5
    observed = torch.ones_like(frames)
    observed[..., 50:100, 60:120] = 0
    answer = found(frames, observed)
    assert (answer - moving).abs().max() < 0.5
    assert torch.equal(found(torch.where(observed > 0, frames, -1e3), observed), answer)


def test_unit_and_offset_do_not_matter() -> None:
    frames = echoes((64, 72), along(3, 1), [0, 1, 2])
    torch.testing.assert_close(found(1e-6 * frames), found(frames))
    torch.testing.assert_close(found(300 + 20 * frames), found(frames))


def test_a_frame_that_is_late_is_left_out() -> None:
    frames = echoes((90, 90), along(4, -3), [0, 1, 2])
    for late in range(3):
        observed = torch.ones_like(frames)
        observed[:, late] = 0
        error = found(frames, observed) - torch.tensor([4.0, -3.0]).view(1, 2, 1, 1)
        assert error.abs()[..., 15:-15, 15:-15].max() < 0.3


def test_channels_move_together() -> None:
    frames = echoes((90, 90), along(4, -3), [0, 1, 2])
    both = torch.cat([frames, torch.zeros_like(frames)], dim=2)
    torch.testing.assert_close(found(both), found(frames))


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (2, 2), (3, 5), (8, 8), (9, 70)])
@pytest.mark.parametrize("kind", ["dry", "constant", "missing", "one frame", "noise"])
def test_where_nothing_moves_there_is_no_motion(kind: str, size: tuple[int, int]) -> None:
    frames = torch.full((2, 3, 1, *size), 0.7 if kind == "constant" else 0.0)
    if kind in {"one frame", "noise"}:
        frames = torch.rand(2, 1 if kind == "one frame" else 3, 1, *size)
    answer = found(frames, torch.zeros_like(frames) if kind == "missing" else None)
    assert answer.isfinite().all()
    assert kind == "noise" or (answer == 0).all()


def test_a_field_that_stays_has_no_motion() -> None:
    frames = torch.rand(1, 1, 1, 50, 60).expand(1, 3, 1, 50, 60)
    assert (found(frames) == 0).all()
