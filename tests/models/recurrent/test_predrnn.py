"""PredRNN against its equations written out."""

from __future__ import annotations

import literal
import pytest
import torch
import torch.nn.functional as F

from nowcast.errors import InputError
from nowcast.models import PredRNN
from nowcast.models.recurrent.loop import Teaching


def random_network(**keywords: object) -> PredRNN:
    torch.manual_seed(0)
    model = PredRNN(hidden=(5, 5, 5), kernel=5, patch=2, blend=False, **keywords).double()  # type: ignore[arg-type]
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.15)
    return model


@pytest.mark.parametrize("convolution", ["direct", "winograd"])
@pytest.mark.parametrize(("steps", "horizon"), [(1, 1), (4, 5)])
def test_it_does_what_the_equations_say(convolution: str, steps: int, horizon: int) -> None:
    model = random_network()
    model.convolution = convolution  # type: ignore[assignment]
    context = torch.rand(2, steps, 1, 10, 12, dtype=torch.float64)
    expected = literal.PredRNN(1, 5, 3, 5, 2).double().taken(model)(context, horizon)
    torch.testing.assert_close(model(context, horizon), expected, rtol=1e-10, atol=1e-12)


def test_its_published_size() -> None:
    model = PredRNN(hidden=(128,) * 4, kernel=5, patch=4, blend=False)
    published = 23_836_672  # 7, 4 and 3 convolutions of each layer, two of 2x and a 1x1; the last layer
    bias = 16
    assert sum(parameter.numel() for parameter in model.parameters()) == published + 128 * 16 + bias


def test_decoupling_is_the_mean_absolute_cosine_of_what_the_memories_take_in() -> None:
    model = random_network(decoupling=0.1).train()
    context, truth = torch.rand(2, 3, 1, 8, 8).double(), torch.rand(2, 2, 1, 8, 8).double()
    taken = []
    for layer in model.layers:
        layer.register_forward_hook(lambda module, given, got: taken.append(got[2]))
    apart = model.unroll(context, 2, Teaching(truth, torch.ones_like(truth))).apart
    assert model.adapter is not None
    cosines = [
        F.cosine_similarity(*(model.adapter(part).flatten(2) for part in parts), dim=2).abs().mean() for parts in taken
    ]
    assert len(cosines) == 4 * 3
    torch.testing.assert_close(apart, 0.1 * torch.stack(cosines).mean())
    assert model.eval().unroll(context, 2).apart is None
    assert random_network().unroll(context, 2).apart is None


def test_widths_that_its_memory_cannot_run_through_are_refused() -> None:
    with pytest.raises(InputError, match="runs through all layers"):
        PredRNN(hidden=(4, 5))
    with pytest.raises(InputError, match="odd"):
        PredRNN(hidden=(4, 4), kernel=4)
