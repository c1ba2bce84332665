"""ConvLSTM against its equations written out, and what must hold of any network that forecasts fields."""

from __future__ import annotations

import literal as networks
import numpy as np
import pytest
import torch

from nowcast.models import ConvLSTM
from nowcast.models.recurrent.convlstm import ConvLSTMCell
from nowcast.models.recurrent.sequence_convolution import Field


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
    n, inputs = len(weight) // 4, 0 if frame is None else len(frame)

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
@pytest.mark.parametrize("convolution", ["direct", "winograd"])
def test_a_cell_does_what_the_equations_say(
    inputs: int, hidden: int, kernel: int, steps: int, convolution: str
) -> None:
    cell = random_cell(inputs, hidden, kernel)
    random = np.random.default_rng(1)
    state = random.normal(size=(2, hidden, 5, 6))
    expected = (state[0], state[1])
    got = (Field(torch.from_numpy(state[0][None])), torch.from_numpy(state[1][None]))
    convolve = cell.gates.for_sequence(got[1], convolution)  # type: ignore[arg-type]
    for _ in range(steps):
        frame = random.normal(size=(inputs, 5, 6)) if inputs else None
        expected = literal(cell, frame, *expected)
        with torch.no_grad():
            got = cell(None if frame is None else Field(torch.from_numpy(frame[None])), got, convolve)
        np.testing.assert_allclose(got[0].values[0], expected[0], rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(got[1][0], expected[1], rtol=1e-10, atol=1e-12)


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


@pytest.mark.parametrize("convolution", ["direct", "winograd"])
def test_one_stack_that_is_fed_its_own_frames_does_what_the_equations_say(convolution: str) -> None:
    torch.manual_seed(0)
    model = ConvLSTM(hidden=(5, 5), kernel=5, patch=2, blend=False, fed_back=True).double()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.15)
    model.convolution = convolution  # type: ignore[assignment]
    context = torch.rand(2, 4, 1, 10, 12, dtype=torch.float64)
    expected = networks.ConvLSTM(1, 5, 2, 5, 2).double().taken(model)(context, 5)
    torch.testing.assert_close(model(context, 5), expected, rtol=1e-10, atol=1e-12)


def test_its_published_size() -> None:
    """What receives a gradient: two convolutions of each layer and the last; biases come on top."""
    model = ConvLSTM(hidden=(128,) * 4, kernel=5, patch=4, blend=False, fed_back=True)
    weights = sum(each.numel() for name, each in model.named_parameters() if name.endswith("weight"))
    assert weights == 25 * 512 * (16 + 128 + 3 * 256) + 128 * 16 == pytest.approx(11.7e6, rel=0.003)
