"""Advection as a forecaster: like any other, and better than persistence where something moves."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from echoes import along, echoes
from torch import Tensor

from nowcast.models import Advection, Persistence, build


def masked_context(seen: Tensor, observed: Tensor) -> Tensor:
    return torch.cat([seen * observed, observed], dim=2)


@pytest.mark.parametrize("shift", [(3, -2), (1.5, 0.25), (-15, 6)])
def test_what_moves_on_is_forecast(shift: tuple[float, float]) -> None:
    seen = echoes((150, 170), along(*shift), [*range(9)])
    context, truth = seen[:, :3], seen[:, 3:]
    moved, known = Advection().transport(context, 6)
    held = Persistence()(context, 6)
    error, still = ((answer - truth) ** 2 * known for answer in (moved, held))
    assert error.sum() < 0.05 * still.sum()
    assert torch.equal(Advection()(context, 6) * known, moved * known)


def test_where_nothing_is_brought_the_newest_value_stays() -> None:
    seen = echoes((90, 100), along(6, 0), [0, 1, 2])
    observed = torch.ones_like(seen)
    observed[..., :10] = 0
    observed[:, 0, :, 40:50, 4:10] = 1
    context = masked_context(seen, observed)
    moved, known = Advection(masked=True).transport(context, 3)
    answer = Advection(masked=True)(context, 3)
    assert 0 < known.mean() < 1
    assert torch.equal(answer[known > 0], moved[known > 0])
    assert torch.equal(answer[known == 0], Persistence(masked=True)(context, 3)[known == 0])
    assert (answer[:, :, :, :30, :10] == 0).all()


def test_turned_fields_have_turned_forecasts() -> None:
    torch.manual_seed(0)
    seen = echoes((57, 70), along(3, -2), [0, 1, 2])
    observed = (torch.rand(1, 3, 1, 57, 70) > 0.1).double()
    observed[..., :20, :15] = 0
    context, model = masked_context(seen, observed), Advection(masked=True)
    answer = model(context, 4)
    assert (answer - Persistence(masked=True)(context, 4)).abs().max() > 0.1
    for axis in (-1, -2):
        torch.testing.assert_close(model(context.flip(axis), 4).flip(axis), answer)
    torch.testing.assert_close(model(context.mT, 4).mT, answer)


def test_samples_of_a_batch_do_not_meet() -> None:
    shifts = ((3, -2), (-6, 1))
    both = torch.cat([echoes((60, 66), along(*shift), [0, 1, 2], seed=n) for n, shift in enumerate(shifts)])
    model = Advection()
    together = model(both, 3)
    for n in range(2):
        torch.testing.assert_close(model(both[n : n + 1], 3), together[n : n + 1])


def test_what_a_missing_pixel_holds_has_no_influence() -> None:
    torch.manual_seed(0)
    seen = echoes((60, 66), along(3, -2), [0, 1, 2])
    observed = (torch.rand(1, 3, 1, 60, 66) > 0.2).double()
    model = Advection(masked=True)
    answer = model.transport(masked_context(seen, observed), 3)
    assert answer[1].mean() > 0.5
    for poison in (1e9, float("nan"), float("inf")):
        context = torch.cat([torch.where(observed > 0, seen, poison), observed], dim=2)
        for clean, poisoned in zip(answer, model.transport(context, 3), strict=True):
            assert torch.equal(poisoned, clean)


@pytest.mark.parametrize("size", [(40, 50), (3, 5), (1, 1)])
@pytest.mark.parametrize("level", [0.0, 0.7])
def test_nothing_comes_of_nothing(level: float, size: tuple[int, int]) -> None:
    context = torch.full((2, 3, 1, *size), level)
    assert (Advection()(context, 4) == level).all()
    missing = masked_context(context, torch.zeros_like(context))
    assert (Advection(masked=True)(missing, 4) == 0).all()
    assert (Advection(masked=True).transport(missing, 4)[1] == 0).all()


@pytest.mark.parametrize("frames", [1, 3])
def test_without_motion_it_is_persistence(frames: int) -> None:
    context = torch.rand(2, 1, 2, 33, 41).expand(2, frames, 2, 33, 41)
    assert torch.equal(Advection(channels=2)(context, 3), Persistence(channels=2)(context, 3))


def test_a_longer_horizon_begins_with_the_shorter() -> None:
    context = torch.rand(1, 4, 2, 23, 31)
    model = Advection(channels=2)
    with torch.inference_mode():
        longer = model(context, 5)
        assert torch.equal(longer[:, :2], model(context, 2))
    assert longer.isfinite().all()
    assert model.transport(context, 2)[1].shape == (1, 2, 1, 23, 31)


def test_only_the_newest_frames_tell_the_motion() -> None:
    seen = echoes((60, 66), along(3, -2), [0, 1, 2, 3])
    model = Advection(frames=2)
    torch.testing.assert_close(model.motion(seen), model.motion(seen[:, 2:]))
    assert (model.motion(seen) - Advection(frames=4).motion(seen)).abs().max() > 1e-4


def test_gradients_reach_the_newest_frame() -> None:
    context = echoes((40, 44), along(2, 1), [0, 1, 2]).requires_grad_()
    Advection()(context, 3).sum().backward()
    assert context.grad is not None
    assert context.grad[:, 2].abs().sum() > 0
    assert context.grad.isfinite().all()


def test_it_is_built_by_name_and_learns_nothing() -> None:
    model = build("advection", {"channels": 2, "masked": True, "smoothness": 8.0})
    assert isinstance(model, Advection)
    assert model.multiple == 1
    assert list(model.parameters()) == []
    assert model.state_dict() == {}


@pytest.mark.parametrize(
    ("name", "newest"), [("fmi_20170509_pgm", 12), ("knmi_20100826_hdf5", 30)], ids=["fmi", "knmi"]
)
def test_real_rain_is_forecast_better_than_by_persistence(name: str, newest: int, shared_data: Path) -> None:
    from nowcast.readers import open_cube

    folder = shared_data / "radar" / name
    paths = sorted([*folder.glob("*.pgm.gz"), *folder.glob("*.h5")])[newest - 2 : newest + 7]
    if len(paths) < 9:
        pytest.skip(f"no real files at {folder}")
    field = torch.from_numpy(open_cube([str(path) for path in paths]).values.astype("float32"))[None]
    seen, observed = field.nan_to_num(), field.isfinite().float()
    context = masked_context(seen, observed)[:, :3]
    moved, known = Advection(masked=True).transport(context, 6)
    held = Persistence(masked=True)(context, 6)
    for lead in (3, 6):
        both = known[:, lead - 1] * observed[:, 2] * observed[:, 2 + lead]
        error, still = (((f[:, lead - 1] - seen[:, 2 + lead]) ** 2 * both).sum() for f in (moved, held))
        assert both.mean() > 0.15
        assert error < 0.7 * still
