"""One convolution, two ways to work it out, one answer."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from nowcast.models.recurrent.sequence_convolution import Field, SequenceConv2d


@pytest.mark.parametrize("method", ["direct", "winograd", "auto"])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("missing", [None, 0, 1])
def test_it_is_the_convolution_of_fields_side_by_side(method: str, bias: bool, missing: int | None) -> None:
    torch.manual_seed(0)
    layer = SequenceConv2d([2, 3], 4, 5, bias=bias).double()
    parts = [torch.randn(2, c, 7, 9, dtype=torch.float64) for c in (2, 3)]
    convolve = layer.for_sequence(parts[0], method)  # type: ignore[arg-type]
    got = convolve([None if place == missing else Field(part) for place, part in enumerate(parts)])
    whole = [torch.zeros_like(part) if place == missing else part for place, part in enumerate(parts)]
    torch.testing.assert_close(got, F.conv2d(torch.cat(whole, dim=1), layer.weight, layer.bias, padding=2))


def test_what_a_field_shares_is_worked_out_once() -> None:
    from nowcast.models.recurrent import winograd

    field = Field(torch.randn(1, 2, 8, 8))
    scratch = winograd.Scratch()
    by = winograd.matrices(4, 3, torch.float32, torch.device("cpu"))
    assert field.tiles(by, scratch) is field.tiles(by, scratch)


def test_where_there_is_no_transform_it_is_direct() -> None:
    layer = SequenceConv2d([2], 3, 7)
    field = torch.randn(1, 2, 8, 8)
    torch.testing.assert_close(layer.for_sequence(field, "winograd")([Field(field)]), layer(field))


def test_lower_precision_is_torchs_own() -> None:
    layer, field = SequenceConv2d([64], 128, 3), torch.randn(2, 64, 16, 16)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert layer.for_sequence(field, "winograd")([Field(field)]).dtype == torch.bfloat16
