"""The encoder-forecaster over scales against its equations written out."""

from __future__ import annotations

import literal
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from nowcast.errors import InputError
from nowcast.models import ConvLSTM, MultiscaleConvLSTM


def random_network(**keywords: object) -> MultiscaleConvLSTM:
    torch.manual_seed(0)
    model = MultiscaleConvLSTM(hidden=(3, 4, 5), patch=2, blend=False, **keywords).double()  # type: ignore[arg-type]
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return model


def taken(cell: torch.nn.Module, inputs: int, hidden: int) -> literal.LSTMCell:
    own = literal.LSTMCell(inputs, hidden, 3).double()
    with torch.no_grad():
        own.taken(cell)
    return own


def written_out(model: MultiscaleConvLSTM, context: Tensor, horizon: int) -> Tensor:
    """Figure 1 of arXiv:1706.03458 for three scales, line by line."""
    fine, middle = taken(model.encoder[0], 4, 3), taken(model.encoder[1], 4, 4)
    coarse = taken(model.encoder[2], 5, 5)
    from_middle, from_coarse = taken(model.forecaster[0], 3, 3), taken(model.forecaster[1], 4, 4)
    own = model.forecaster[2].gates
    b, height, width = len(context), *context.shape[-2:]
    sizes = [(height // 2 // n, width // 2 // n) for n in (1, 2, 4)]
    (h0, c0), (h1, c1), (h2, c2) = (
        (context.new_zeros(b, n, *size), context.new_zeros(b, n, *size))
        for n, size in zip((3, 4, 5), sizes, strict=True)
    )
    for frame in F.pixel_unshuffle(context, 2).unbind(1):
        h0, c0 = fine(frame, h0, c0)
        h1, c1 = middle(F.leaky_relu(model.down[0](h0), 0.2), h1, c1)
        h2, c2 = coarse(F.leaky_relu(model.down[1](h1), 0.2), h2, c2)
    answers = []
    for _ in range(horizon):
        i, f, o, g = F.conv2d(h2, own.weight, own.bias, padding=1).chunk(4, dim=1)
        c2 = torch.sigmoid(f) * c2 + torch.sigmoid(i) * torch.tanh(g)
        h2 = torch.sigmoid(o) * torch.tanh(c2)
        h1, c1 = from_coarse(F.leaky_relu(model.up[1](h2), 0.2), h1, c1)
        h0, c0 = from_middle(F.leaky_relu(model.up[0](h1), 0.2), h0, c0)
        answers.append(model.output(h0))
    return F.pixel_shuffle(torch.stack(answers, dim=1), 2)


@pytest.mark.parametrize("convolution", ["direct", "winograd"])
@pytest.mark.parametrize(("steps", "horizon"), [(1, 1), (4, 5)])
def test_it_does_what_the_figure_says(convolution: str, steps: int, horizon: int) -> None:
    model = random_network()
    model.convolution = convolution  # type: ignore[assignment]
    context = torch.rand(2, steps, 1, 16, 24, dtype=torch.float64)
    torch.testing.assert_close(model(context, horizon), written_out(model, context, horizon), rtol=1e-10, atol=1e-12)


def test_it_sees_further_than_one_scale_does() -> None:
    """How far a single pixel is felt, after one frame in and one out."""
    field = torch.zeros(1, 1, 1, 256, 256)
    field[..., 128, 128] = 1

    def reach(model: torch.nn.Module) -> int:
        with torch.no_grad():
            felt = (model(field, 1) - model(torch.zeros_like(field), 1)).abs()[0, 0, 0].amax(dim=0)
        return int(felt.nonzero().max()) - 128

    torch.manual_seed(0)
    one = ConvLSTM(hidden=(4, 4, 4), patch=4, blend=False)
    assert reach(MultiscaleConvLSTM(hidden=(4, 4, 4), patch=4, blend=False)) > 2 * reach(one)


def test_pieces_of_a_field_start_where_its_coarsest_squares_do() -> None:
    assert MultiscaleConvLSTM(hidden=(4, 4, 4), patch=4).multiple == 16
    assert MultiscaleConvLSTM(hidden=(4,), patch=4).multiple == 4


def test_an_even_kernel_is_refused() -> None:
    with pytest.raises(InputError, match="odd"):
        MultiscaleConvLSTM(kernel=4)
