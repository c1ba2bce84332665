"""The newest observed value of each pixel, and the one door to every model."""

from __future__ import annotations

import pytest
import torch

from nowcast.errors import InputError
from nowcast.models import MODELS, ConvLSTM, Forecaster, Persistence, build
from nowcast.models.base import last_observed


def test_each_pixel_keeps_the_newest_value_that_was_observed() -> None:
    value = torch.arange(1, 4.0).reshape(1, 3, 1, 1, 1).expand(1, 3, 1, 1, 4)
    observed = torch.tensor([[1, 1, 1, 0], [1, 1, 0, 0], [1, 0, 0, 0.0]]).reshape(1, 3, 1, 1, 4)
    context = torch.cat([value * observed, observed], dim=2)
    assert last_observed(context, 1).flatten().tolist() == [3, 2, 1, 0]


def test_channels_are_held_each_by_itself() -> None:
    value = torch.tensor([[10.0, 20.0], [11.0, 0.0]]).reshape(1, 2, 2, 1, 1)
    observed = torch.tensor([[1.0, 1.0], [1.0, 0.0]]).reshape(1, 2, 2, 1, 1)
    assert last_observed(torch.cat([value, observed], dim=2), 2).flatten().tolist() == [11, 20]


def test_without_a_mask_the_newest_frame_is_taken_whole() -> None:
    context = torch.rand(2, 3, 2, 4, 5)
    assert torch.equal(last_observed(context, 2), context[:, -1])


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("masked", [False, True])
def test_every_model_is_built_by_name_and_answers_in_the_contract_s_shape(name: str, masked: bool) -> None:
    keywords = {"channels": 2, "masked": masked, **({"hidden": (4,)} if name == "convlstm" else {})}
    model = build(name, keywords)
    assert isinstance(model, Forecaster)
    assert model.context_channels == (4 if masked else 2)
    assert model(torch.rand(3, 2, model.context_channels, 7, 9), 5).shape == (3, 5, 2, 7, 9)


def test_an_unknown_name_is_told_the_nearest() -> None:
    with pytest.raises(InputError, match="model 'convltsm' is not known") as caught:
        build("convltsm", {})
    assert caught.value.next_step == "--model convlstm"
    assert all(name in str(caught.value) for name in MODELS)
    with pytest.raises(InputError) as far:
        build("xyz", {})
    assert far.value.next_step is None


def test_an_unknown_keyword_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InputError, match="model 'convlstm' has no keyword 'depth'") as caught:
        build("convlstm", {"depth": 3})
    assert "hidden" in str(caught.value)
    with pytest.raises(InputError, match="'persistence' has no keyword 'hidden'"):
        build("persistence", {"hidden": [4]})


def test_keywords_reach_the_model() -> None:
    model = build("convlstm", {"hidden": [4, 6], "kernel": 5, "patch": 2, "blend": False})
    assert isinstance(model, ConvLSTM)
    assert (model.hidden, model.patch, model.blend) == ((4, 6), 2, False)
    assert model.encoder[0].gates.kernel_size == (5, 5)
    assert isinstance(build("persistence", {"channels": 3}), Persistence)
