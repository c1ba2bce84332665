"""ConvLSTM against its equations written out, and what must hold of any network that forecasts fields."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from nowcast.models import ConvLSTM, Persistence
from nowcast.models.convlstm import NEWEST_SHARE, ConvLSTMCell


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def convolved(x: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """`(c h w)` with `(out c k k)`, zeros beyond the border, one pixel at a time."""
    out, _, side, _ = weight.shape
    reach = side // 2
    padded = np.pad(x, ((0, 0), (reach, reach), (reach, reach)))
    answer = np.empty((out, *x.shape[1:]))
    for row in range(x.shape[1]):
        for column in range(x.shape[2]):
            window = padded[:, row : row + side, column : column + side]
            answer[:, row, column] = (weight * window).sum((1, 2, 3)) + bias
    return answer


def literal(
    cell: ConvLSTMCell, frame: np.ndarray | None, hidden: np.ndarray, memory: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Equation 3 of arXiv:1506.04214 without the peepholes, gate by gate."""
    weight, bias = cell.gates.weight.detach().numpy(), cell.gates.bias.detach().numpy()
    n, inputs = cell.hidden, 0 if frame is None else len(frame)

    def gate(k: int) -> np.ndarray:
        own = weight[k * n : (k + 1) * n]
        total = convolved(hidden, own[:, inputs:], bias[k * n : (k + 1) * n])
        return total if frame is None else total + convolved(frame, own[:, :inputs], np.zeros(n))

    i, f, o = sigmoid(gate(0)), sigmoid(gate(1)), sigmoid(gate(2))
    memory = f * memory + i * np.tanh(gate(3))
    return o * np.tanh(memory), memory


def random_cell(inputs: int, hidden: int, kernel: int) -> ConvLSTMCell:
    torch.manual_seed(0)
    cell = ConvLSTMCell(inputs, hidden, kernel).double()
    torch.nn.init.normal_(cell.gates.weight, std=0.4)
    torch.nn.init.normal_(cell.gates.bias, std=0.4)
    return cell


@pytest.mark.parametrize(("inputs", "hidden", "kernel"), [(2, 3, 3), (1, 2, 5), (0, 3, 3), (3, 1, 1)])
@pytest.mark.parametrize("steps", [1, 6])
def test_a_cell_does_what_the_equations_say(inputs: int, hidden: int, kernel: int, steps: int) -> None:
    cell = random_cell(inputs, hidden, kernel)
    random = np.random.default_rng(1)
    state = random.normal(size=(2, hidden, 5, 6))
    expected = (state[0], state[1])
    got = (torch.from_numpy(state[0][None]), torch.from_numpy(state[1][None]))
    for _ in range(steps):
        frame = random.normal(size=(inputs, 5, 6)) if inputs else None
        expected = literal(cell, frame, *expected)
        with torch.no_grad():
            got = cell(None if frame is None else torch.from_numpy(frame[None]), got)
        for one, other in zip(got, expected, strict=True):
            np.testing.assert_allclose(one[0], other, rtol=1e-10, atol=1e-12)


def test_a_new_cell_remembers() -> None:
    """The forget gate's bias is 1, all others 0 (Jozefowicz et al., 2015)."""
    assert ConvLSTMCell(1, 2, 3).gates.bias.tolist() == [0, 0, 1, 1, 0, 0, 0, 0]


def test_the_network_is_its_cells_in_the_order_of_the_paper() -> None:
    torch.manual_seed(1)
    model = ConvLSTM(hidden=(3, 2), patch=1, blend=False).double().eval()
    context = torch.rand(1, 3, 1, 5, 6, dtype=torch.float64)
    states = [(np.zeros((n, 5, 6)), np.zeros((n, 5, 6))) for n in (3, 2)]
    for t in range(3):
        below: np.ndarray | None = context[0, t].numpy()
        for layer, cell in enumerate(model.encoder):
            states[layer] = literal(cell, below, *states[layer])  # type: ignore[arg-type]
            below = states[layer][0]
    expected = []
    weight, bias = model.output.weight.detach().numpy(), model.output.bias.detach().numpy()
    for _ in range(4):
        below = None
        for layer, cell in enumerate(model.forecaster):
            states[layer] = literal(cell, below, *states[layer])  # type: ignore[arg-type]
            below = states[layer][0]
        expected.append(convolved(np.concatenate([hidden for hidden, _ in states]), weight, bias))
    with torch.no_grad():
        np.testing.assert_allclose(model(context, 4)[0], np.stack(expected), rtol=1e-9, atol=1e-12)


# What holds of every network


def small(*, masked: bool = False, channels: int = 1, seed: int = 0, **keywords: object) -> ConvLSTM:
    """A tiny network whose last layer says something."""
    torch.manual_seed(seed)
    model = ConvLSTM(channels=channels, masked=masked, **{"hidden": (6, 4), **keywords})  # type: ignore[arg-type]
    torch.nn.init.normal_(model.output.weight, std=0.3)
    return model.eval()


@pytest.mark.parametrize("size", [(16, 16), (17, 16), (13, 22), (3, 5)])
@pytest.mark.parametrize("patch", [1, 4])
def test_any_size_of_field_any_horizon_and_any_context(size: tuple[int, int], patch: int) -> None:
    model = small(patch=patch, channels=2)
    for context, horizon in ((1, 3), (4, 1)):
        assert model(torch.rand(2, context, 2, *size), horizon).shape == (2, horizon, 2, *size)


@pytest.mark.parametrize("masked", [False, True])
def test_before_it_learns_a_blend_is_mostly_the_newest_frame(masked: bool) -> None:
    torch.manual_seed(0)
    model = ConvLSTM(channels=2, masked=masked, hidden=(4, 4))
    value, observed = torch.rand(2, 3, 2, 9, 10), (torch.rand(2, 3, 2, 9, 10) > 0.3).float()
    context = torch.cat([value * observed, observed], dim=2) if masked else value
    persistence = Persistence(channels=2, masked=masked)
    share = torch.sigmoid(torch.tensor(NEWEST_SHARE))
    torch.testing.assert_close(model(context, 3), share * persistence(context, 3))
    plain = ConvLSTM(channels=2, masked=masked, hidden=(4, 4), blend=False)
    assert not torch.allclose(plain(context, 3), persistence(context, 3), atol=0.05)


@pytest.mark.parametrize("masked", [False, True])
def test_the_gradient_reaches_every_parameter(masked: bool) -> None:
    model = small(masked=masked).train()
    model(torch.rand(2, 3, model.context_channels, 12, 12), 3).square().mean().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


def test_what_moves_in_the_context_moves_the_answer_alike() -> None:
    model = small(hidden=(4,), patch=4).double()
    field = torch.zeros(1, 2, 1, 64, 64, dtype=torch.float64)
    field[..., 24:36, 24:36] = torch.rand(1, 2, 1, 12, 12, dtype=torch.float64)
    moved = field.roll((8, -4), dims=(-2, -1))
    with torch.no_grad():
        one, other = model(field, 2), model(moved, 2)
    # Reach: 2 context and 2 forecast steps of a 3x3 kernel on 4-pixel squares, beside the border's own.
    inside = (..., slice(20, -20), slice(20, -20))
    torch.testing.assert_close(other[inside], one.roll((8, -4), dims=(-2, -1))[inside], rtol=1e-10, atol=1e-12)
    assert (one[inside] - one[inside].roll(4, -1)).abs().max() > 1e-3, "the answer is not flat"


def test_a_network_that_is_shown_what_is_missing_answers_by_it() -> None:
    model = small(masked=True)
    value = torch.rand(1, 3, 1, 12, 12)
    seen, unseen = torch.ones_like(value), torch.ones_like(value)
    unseen[:, :2, :, 4:8, 4:8] = 0
    zero = value * unseen
    one, other = (model(torch.cat([zero, mask], dim=2), 2) for mask in (seen, unseen))
    assert not torch.allclose(one, other)
    assert torch.isfinite(other).all()


def test_the_same_seed_is_the_same_network_and_the_same_answer() -> None:
    context = torch.rand(1, 3, 1, 12, 12)
    assert torch.equal(small(seed=4)(context, 3), small(seed=4)(context, 3))
    assert not torch.equal(small(seed=4)(context, 3), small(seed=5)(context, 3))


def test_samples_of_a_batch_do_not_meet() -> None:
    model = small()
    context = torch.rand(3, 2, 1, 12, 12)
    for sample in range(3):
        torch.testing.assert_close(
            model(context, 2)[sample], model(context[sample : sample + 1], 2)[0], rtol=1e-4, atol=1e-5
        )


def test_a_longer_horizon_begins_with_the_shorter_one() -> None:
    model, context = small(), torch.rand(1, 3, 1, 12, 12)
    torch.testing.assert_close(model(context, 5)[:, :2], model(context, 2))


def test_every_context_frame_matters() -> None:
    model, context = small(), torch.rand(1, 4, 1, 12, 12)
    for frame in range(4):
        other = context.clone()
        other[:, frame] = 0
        assert (model(other, 1) - model(context, 1)).abs().max() > 1e-4


def test_weights_that_are_written_and_read_answer_in_the_same_bits(tmp_path: Path) -> None:
    one, other = small(seed=1), small(seed=2)
    torch.save(one.state_dict(), tmp_path / "weights.pt")
    other.load_state_dict(torch.load(tmp_path / "weights.pt", weights_only=True))
    context: Tensor = torch.rand(1, 2, 1, 12, 12)
    assert torch.equal(one(context, 3), other(context, 3))
