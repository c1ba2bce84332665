"""The time loop: what goes in when, what comes out when, on fields of any size."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from nowcast.models.recurrent import RecurrentForecaster


class Recorder(RecurrentForecaster):
    """Keeps what it is given; answers with the previous answer plus one."""

    def __init__(self, *, channels: int = 1, masked: bool = False, patch: int = 2, blend: bool = False) -> None:
        super().__init__(channels=channels, masked=masked, patch=patch, blend=blend)
        self.absorbed: list[Tensor] = []
        self.previous: list[Tensor] = []

    def begin(self, frame: Tensor) -> list[str]:
        return ["begin"]

    def absorb(self, frame: Tensor, state: list[str]) -> list[str]:
        self.absorbed.append(frame)
        return [*state, "absorb"]

    def emit(self, previous: Tensor, state: list[str]) -> tuple[Tensor, list[str]]:
        self.previous.append(previous)
        self.state = [*state, "emit"]
        return previous + 1, self.state


def test_the_context_goes_in_once_in_order_and_each_answer_follows_from_the_one_before() -> None:
    model = Recorder()
    context = torch.rand(2, 3, 1, 4, 6)
    answer = model(context, 4)
    assert model.state == ["begin"] + 3 * ["absorb"] + 4 * ["emit"]
    for t, frame in enumerate(model.absorbed):
        assert frame.shape == (2, 4, 2, 3)
        assert torch.equal(torch.nn.functional.pixel_shuffle(frame, 2), context[:, t])
    for lead in range(4):
        torch.testing.assert_close(answer[:, lead], context[:, -1] + lead + 1)


@pytest.mark.parametrize("patch", [1, 2, 3, 4])
@pytest.mark.parametrize("size", [(4, 4), (5, 7), (1, 1), (8, 3)])
def test_fields_of_any_size_come_back_at_their_own_place(patch: int, size: tuple[int, int]) -> None:
    context = torch.rand(2, 2, 3, *size)
    answer = Recorder(channels=3, patch=patch)(context, 2)
    assert answer.shape == (2, 2, 3, *size)
    torch.testing.assert_close(answer[:, 0], context[:, -1] + 1)
    torch.testing.assert_close(answer[:, 1], context[:, -1] + 2)


class Halves(Recorder):
    """Gives out its own frame of tens, and shares: the first pixel all its own, the others half and half."""

    def emit(self, previous: Tensor, state: list[str]) -> tuple[Tensor, list[str]]:
        self.previous.append(previous)
        share = torch.zeros_like(previous)
        share[:, 0] = -1e9
        return torch.cat([torch.full_like(previous, 10.0), share], dim=1), state


def test_a_blend_mixes_the_newest_frame_and_its_own_pixel_by_pixel() -> None:
    context = torch.rand(1, 2, 1, 4, 4)
    model = Halves(blend=True)
    assert model.folded_channels == 8
    answer = model(context, 2)
    expected = (context[:, -1] + 10) / 2
    expected[..., ::2, ::2] = 10  # the first pixel of each folded square
    for lead in range(2):
        torch.testing.assert_close(answer[:, lead], expected)
    torch.testing.assert_close(torch.nn.functional.pixel_shuffle(model.previous[1], 2), answer[:, 0])


def test_the_first_previous_frame_is_the_newest_that_was_observed() -> None:
    value = torch.rand(1, 2, 1, 2, 2)
    observed = torch.ones_like(value)
    observed[:, 1, :, 0, 0] = 0
    model = Recorder(masked=True, patch=1)
    model(torch.cat([value * observed, observed], dim=2), 1)
    expected = value[:, 1].clone()
    expected[..., 0, 0] = value[:, 0, :, 0, 0]
    assert torch.equal(model.previous[0], expected)
    assert model.absorbed[0].shape == (1, 2, 2, 2), "the mask goes in with the frames"
