"""PredRNN++ against its equations written out."""

from __future__ import annotations

import literal
import pytest
import torch

from nowcast.errors import InputError
from nowcast.models import PredRNNPlusPlus
from nowcast.models.recurrent.sequence_convolution import SequenceConv2d


@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("convolution", ["direct", "winograd"])
@pytest.mark.parametrize(("steps", "horizon"), [(1, 1), (4, 5)])
def test_it_does_what_the_equations_say(steps: int, horizon: int, convolution: str, layers: int) -> None:
    torch.manual_seed(0)
    model = PredRNNPlusPlus(hidden=(5,) * layers, kernel=5, patch=2, blend=False).double()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.15)
    model.convolution = convolution  # type: ignore[assignment]
    context = torch.rand(2, steps, 1, 10, 12, dtype=torch.float64)
    expected = literal.PredRNNPlusPlus(1, 5, layers, 5, 2).double().taken(model)(context, horizon)
    torch.testing.assert_close(model(context, horizon), expected, rtol=1e-10, atol=1e-12)


def test_its_published_size() -> None:
    model = PredRNNPlusPlus(hidden=(128,) * 4, kernel=5, patch=4, blend=False)
    weights = sum(parameter.numel() for parameter in model.parameters()) - (128 * 16 + 16)  # less the last layer
    assert weights == 25 * 128 * (7 * 16 + 3 * 7 * 128 + 4 * 15 * 128) + 4 * 2 * 128**2 + 25 * 128 * 4 * 128
    unused = 4 * 2 * 25 * 128**2  # `conv_o` of the published code
    assert weights + 128 * 16 + unused == pytest.approx(38.6e6, rel=0.001)


def test_its_weights_start_as_if_each_field_had_a_convolution_of_its_own() -> None:
    convolutions = [each for each in PredRNNPlusPlus(hidden=(16, 16)).modules() if isinstance(each, SequenceConv2d)]
    assert len(convolutions) == 2 * 5 + 1
    for convolution in convolutions:
        for part in convolution.weight.split(convolution.inputs, dim=1):
            bound = (part.shape[1] * 3 * 3) ** -0.5
            assert 0.98 * bound < part.abs().max() <= bound


def test_widths_that_its_memory_cannot_run_through_are_refused() -> None:
    with pytest.raises(InputError, match="runs through all layers"):
        PredRNNPlusPlus(hidden=(4, 5))
    with pytest.raises(InputError, match="odd"):
        PredRNNPlusPlus(hidden=(4, 4), kernel=4)
