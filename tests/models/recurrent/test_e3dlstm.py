"""E3D-LSTM against its equations written out."""

from __future__ import annotations

import literal
import pytest
import torch

from nowcast.errors import InputError
from nowcast.models import E3DLSTM


def random_network(**keywords: object) -> E3DLSTM:
    torch.manual_seed(0)
    model = E3DLSTM(hidden=(5, 5, 5), kernel=5, patch=2, blend=False, **keywords).double()  # type: ignore[arg-type]
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.15)
    return model


@pytest.mark.parametrize("convolution", ["direct", "winograd"])
@pytest.mark.parametrize(("steps", "horizon"), [(1, 1), (4, 5)])
def test_it_does_what_the_equations_say(convolution: str, steps: int, horizon: int) -> None:
    model = random_network()
    model.convolution = convolution  # type: ignore[assignment]
    context = torch.rand(2, steps, 1, 10, 12, dtype=torch.float64)
    expected = literal.E3DLSTM(1, 5, 3, 5, 2).double().taken(model)(context, horizon)
    torch.testing.assert_close(model(context, horizon), expected, rtol=1e-10, atol=1e-12)


def test_fewer_states_may_be_recalled() -> None:
    context = torch.rand(1, 6, 1, 8, 8, dtype=torch.float64)
    all_of_them, few, two = random_network(), random_network(recalled=6), random_network(recalled=1)
    torch.testing.assert_close(all_of_them(context, 1), few(context, 1))
    assert not torch.allclose(all_of_them(context, 1), two(context, 1), rtol=1e-6, atol=0)


def test_its_size() -> None:
    model = E3DLSTM(hidden=(128,) * 4, kernel=5, patch=4, blend=False)
    assert sum(parameter.numel() for parameter in model.parameters()) == pytest.approx(51.0e6, rel=0.005)


def test_widths_that_its_memory_cannot_run_through_are_refused() -> None:
    with pytest.raises(InputError, match="runs through all layers"):
        E3DLSTM(hidden=(4, 5))
    with pytest.raises(InputError, match="odd"):
        E3DLSTM(hidden=(4, 4), kernel=4)
