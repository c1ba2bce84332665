"""Any network in the frame of the motion, telling chances: what moves is held still, and carried along afterwards."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from nowcast.errors import InputError
from nowcast.models import Advection, Cascade, Exceedance, Forecaster, Framed, Persistence, build

TOLD = {"thresholds": [0.3, 0.6], "spreads": [0.3, 0.4, 0.4]}


def moving(frames: int, size: int = 64, *, step: tuple[int, int] = (2, 1)) -> Tensor:
    """A few smooth echoes that all move by `step` pixels (x, y) from frame to frame: `(1 t 1 h w)`."""
    y, x = torch.meshgrid(torch.arange(size).float(), torch.arange(size).float(), indexing="ij")
    found = []
    for t in range(frames):
        field = torch.zeros(size, size)
        for cx, cy, width in ((20, 22, 5), (35, 30, 7), (28, 44, 4)):
            field += torch.exp(-((x - cx - step[0] * t) ** 2 + (y - cy - step[1] * t) ** 2) / (2 * width**2))
        found.append(field)
    return torch.stack(found)[None, :, None]


def test_persistence_in_the_frame_of_the_motion_is_advection() -> None:
    frames = moving(4)
    framed = Framed(Persistence(masked=True), frame="lagrangian")
    lifted = framed.lifted(frames, range(1, 6))
    advection, known = Advection().transport(frames, 5)
    assert lifted.known is not None
    assert torch.equal(lifted.known, known)
    inside = known > 0
    assert torch.allclose(lifted.values[inside], advection[inside], atol=1e-4)
    still = Framed(Persistence(masked=True), frame="still").lifted(frames, range(1, 6))
    assert still.known is None
    assert torch.equal(still.values[:, 3], frames[:, -1])


def test_the_network_inside_sees_things_that_move_stand_still() -> None:
    seen: list[Tensor] = []

    class Looks(Persistence):
        def forward(self, context: Tensor, horizon: int) -> Tensor:
            seen.append(context)
            return super().forward(context, horizon)

    frames = moving(4)
    Framed(Looks(masked=True), frame="lagrangian")(frames, 1)
    value, observed = seen[0][:, :, :1], seen[0][:, :, 1:]
    there = observed[:, 0] * observed[:, -1]
    apart = ((value[:, 0] - value[:, -1]).abs() * there).max()
    assert float(apart) < 0.1 * float((frames[:, 0] - frames[:, -1]).abs().max())


@pytest.mark.parametrize("name", ["cascade", "convlstm", "predrnn", "multiscale", "e3dlstm", "persistence"])
def test_any_network_tells_chances_in_either_frame(name: str) -> None:
    own = {} if name == "persistence" else {"hidden": [4, 4]}
    own |= {"patch": 4} if name not in ("cascade", "persistence") else {}
    for frame in ("still", "lagrangian"):
        model = build(name, {"masked": True, "frame": frame, "exceedance": TOLD, **own})
        assert isinstance(model, Framed)
        frames = torch.cat([moving(4, 32), torch.ones(1, 4, 1, 32, 32)], dim=2)
        lifted = model.lifted(frames, [1, 2, 3]).values
        assert lifted.shape == (1, 3, 3, 32, 32)
        assert model.expected(lifted).shape == model(frames, 3).shape == (1, 3, 1, 32, 32)
        chances = model.chances(lifted)
        assert chances is not None
        assert chances.shape == (1, 3, 2, 1, 32, 32)
        assert model.lift(frames[:, :, :1]).shape == (1, 4, 3, 32, 32)
        assert model.thresholds == (0.3, 0.6)


def test_it_has_a_gradient_through_the_motion() -> None:
    model = build("cascade", {"frame": "lagrangian", "exceedance": TOLD, "hidden": [4, 6]})
    lifted = model.lifted(moving(4, 32), [2, 4])
    assert lifted.values.shape == (1, 2, 3, 32, 32)
    lifted.values.square().mean().backward()
    assert all(each.grad is not None for each in model.parameters())


def test_missing_pixels_say_nothing_and_what_is_brought_from_them_is_not_known() -> None:
    frames, observed = moving(4), torch.ones(1, 4, 1, 64, 64)
    observed[..., 20:30, 20:30] = 0
    model = build("cascade", {"masked": True, "frame": "lagrangian", "exceedance": TOLD, "hidden": [4, 6]})
    one = model.lifted(torch.cat([frames * observed, observed], dim=2), [1, 2, 3])
    other = model.lifted(torch.cat([torch.where(observed > 0, frames, 7.0), observed], dim=2), [1, 2, 3])
    assert torch.allclose(one.values, other.values, atol=1e-5)
    assert one.known is not None
    assert 0 < float(one.known[:, 0].mean()) < 1


def test_what_is_flipped_is_forecast_flipped() -> None:
    model = Framed(Persistence(masked=True), frame="lagrangian")
    frames = moving(4)
    assert torch.allclose(model(frames.flip(-2), 3).flip(-2), model(frames, 3), atol=1e-4)


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(InputError, match="frame 'moving' is not known"):
        Framed(Persistence(masked=True), frame="moving")
    with pytest.raises(InputError, match="does not fit"):
        Framed(Persistence(masked=True), exceedance=Exceedance(**TOLD))  # type: ignore[arg-type]
    with pytest.raises(InputError, match="exceedance has no keyword 'colour'"):
        build("cascade", {"exceedance": {**TOLD, "colour": 1}})


def test_memory_is_that_of_the_network_inside() -> None:
    inner: Forecaster = Cascade(masked=True, hidden=(4, 6))
    framed = Framed(inner)
    framed.low_memory = True
    assert inner.low_memory
    assert framed.low_memory
    assert framed.leads_apart
    assert framed.looks_back == 4
