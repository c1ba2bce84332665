"""The time loop: what goes in when, what comes out when, on fields of any size."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from nowcast.models.recurrent.loop import Kernels, RecurrentForecaster, Teaching


class Recorder(RecurrentForecaster):
    """Keeps what it is given; answers with what it was given last plus one, which it is given next."""

    fed_back = True

    def __init__(self, *, channels: int = 1, masked: bool = False, patch: int = 2, blend: bool = False) -> None:
        super().__init__(channels=channels, masked=masked, patch=patch, blend=blend)
        self.absorbed: list[Tensor] = []

    def begin(self, frame: Tensor) -> list[object]:
        return ["begin"]

    def absorb(self, frame: Tensor, state: list[object], kernels: Kernels) -> list[object]:
        self.absorbed.append(frame)
        return [*state, frame]

    def emit(self, state: list[object], kernels: Kernels) -> tuple[Tensor, list[object]]:
        self.state = state
        frame = state[-1]
        assert isinstance(frame, Tensor)
        return frame[:, : self.channels * self.patch**2] + 1, state


def test_the_context_goes_in_once_in_order_and_each_answer_follows_from_the_one_before() -> None:
    model = Recorder()
    context = torch.rand(2, 3, 1, 4, 6)
    answer = model(context, 4)
    assert len(model.state) == 1 + 3 + 3, "the last answer is not taken in"
    given = [torch.nn.functional.pixel_shuffle(frame, 2) for frame in model.absorbed]
    assert given[0].shape == (2, 1, 4, 6)
    for frame, expected in zip(given, [*context.unbind(1), *answer[:, :3].unbind(1)], strict=True):
        assert torch.equal(frame, expected)
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

    def emit(self, state: list[object], kernels: Kernels) -> tuple[Tensor, list[object]]:
        frame = state[-1]
        assert isinstance(frame, Tensor)
        share = torch.zeros_like(frame)
        share[:, 0] = -1e9
        return torch.cat([torch.full_like(frame, 10.0), share], dim=1), state


def test_a_blend_mixes_the_newest_frame_and_its_own_pixel_by_pixel() -> None:
    context = torch.rand(1, 2, 1, 4, 4)
    model = Halves(blend=True)
    assert model.folded_channels == 8
    answer = model(context, 2)
    expected = (context[:, -1] + 10) / 2
    expected[..., ::2, ::2] = 10  # the first pixel of each folded square
    for lead in range(2):
        torch.testing.assert_close(answer[:, lead], expected)
    torch.testing.assert_close(torch.nn.functional.pixel_shuffle(model.absorbed[2], 2), answer[:, 0])


def test_a_mask_goes_in_with_the_frames_and_nothing_of_its_own_is_missing() -> None:
    value = torch.rand(1, 2, 1, 2, 2)
    observed = torch.ones_like(value)
    observed[:, 1, :, 0, 0] = 0
    model = Recorder(masked=True, patch=1)
    answer = model(torch.cat([value * observed, observed], dim=2), 2)
    assert model.absorbed[0].shape == (1, 2, 2, 2)
    assert torch.equal(model.absorbed[1][:, 1:], observed[:, 1])
    assert torch.equal(model.absorbed[2], torch.cat([answer[:, 0], torch.ones_like(answer[:, 0])], dim=1))


class Blank(Halves):
    """Its own share is none: what comes out is the newest frame."""

    def emit(self, state: list[object], kernels: Kernels) -> tuple[Tensor, list[object]]:
        frame = state[-1]
        assert isinstance(frame, Tensor)
        width = self.channels * self.patch**2
        return torch.cat([frame.new_zeros(len(frame), width, *frame.shape[2:]), 1e9 + 0 * frame[:, :width]], 1), state


def test_what_is_kept_of_the_newest_frame_is_the_newest_that_was_observed() -> None:
    value = torch.rand(1, 2, 1, 2, 2)
    observed = torch.ones_like(value)
    observed[:, 1, :, 0, 0] = 0
    answer = Blank(masked=True, patch=1, blend=True)(torch.cat([value * observed, observed], dim=2), 1)
    expected = value[:, 1].clone()
    expected[..., 0, 0] = value[:, 0, :, 0, 0]
    assert torch.equal(answer[:, 0], expected)


# What it is shown while it learns


def taught(scheduled: float, reverse: float) -> tuple[Recorder, Tensor, Tensor, Tensor | None]:
    torch.manual_seed(0)
    model, context, truth = Recorder(), torch.rand(64, 3, 1, 4, 4), torch.rand(64, 4, 1, 4, 4) + 50
    weight = torch.ones_like(truth)
    weight[..., 0, 0] = 0
    truth[..., 0, 0] = torch.nan
    unrolled = model.unroll(context, 4, Teaching(truth, weight, scheduled=scheduled, reverse=reverse))
    assert torch.isfinite(unrolled.frames).all()
    return model, context, unrolled.frames, unrolled.seen


def test_it_is_taught_nothing_by_default() -> None:
    model, context, frames, seen = taught(0.0, 1.0)
    torch.testing.assert_close(frames, model(context, 4))
    torch.testing.assert_close(seen, context[:, :2] + 1)


def test_scheduled_sampling_feeds_the_truth_where_it_was_observed() -> None:
    model, _, frames, _ = taught(1.0, 1.0)
    for lead in range(1, 4):
        given = torch.nn.functional.pixel_shuffle(model.absorbed[2 + lead], 2)
        assert (given[..., 1:, 1:] >= 50).all()
        torch.testing.assert_close(given[..., 0, 0], frames[:, lead - 1, ..., 0, 0])


def test_scheduled_sampling_draws_by_sample() -> None:
    model, _, _, _ = taught(0.5, 1.0)
    fed = (model.absorbed[3][:, 1] >= 50).flatten(1)
    assert torch.equal(fed.all(1), fed.any(1)), "a frame whole, or not"
    assert 16 < fed.all(1).sum() < 48


def test_what_is_drawn_is_the_generator_s() -> None:
    truth = torch.rand(16, 6, 1, 4, 4) + 50
    both = []
    for _ in range(2):
        lesson = Teaching(truth, torch.ones_like(truth), 0.5, 0.5, torch.Generator().manual_seed(4))
        both.append(Recorder().unroll(truth[:, :3] - 50, 6, lesson).frames)
        torch.rand(1)
    assert torch.equal(*both)
    other = Teaching(truth, torch.ones_like(truth), 0.5, 0.5, torch.Generator().manual_seed(5))
    assert not torch.equal(Recorder().unroll(truth[:, :3] - 50, 6, other).frames, both[0])


def test_reverse_scheduled_sampling_feeds_its_own_frames_in_the_context() -> None:
    model, context, _, seen = taught(0.0, 0.0)
    assert seen is not None
    assert torch.equal(torch.nn.functional.pixel_shuffle(model.absorbed[0], 2), context[:, 0])
    for t in (1, 2):
        assert torch.equal(torch.nn.functional.pixel_shuffle(model.absorbed[t], 2), seen[:, t - 1])
