"""Tensors and plain data in one file: the same back, in the same bytes each time, and no byte changed unnoticed."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import save

from nowcast.model_file.tensor_file import LARGEST_HEADER, is_intact, packed, told_by, unpacked

TOLD = {"format": 2, "text": 'a "quoted" sha256": " word', "inner": {"sha256": "0" * 64, "n": [1.5, None]}}
TENSORS = {"weight": torch.arange(6.0).reshape(2, 3), "count": torch.tensor(3)}


def test_there_and_back_in_the_same_bytes_each_time() -> None:
    data = packed(TOLD, TENSORS)
    assert told_by(data) == TOLD
    assert is_intact(data)
    found = unpacked(data)
    assert found.keys() == TENSORS.keys()
    assert all(torch.equal(found[name], tensor) for name, tensor in TENSORS.items())
    assert packed(TOLD, TENSORS) == data


def test_no_bit_changes_unnoticed() -> None:
    whole = packed({"format": 2}, TENSORS)
    for place in range(len(whole)):
        flipped = bytearray(whole)
        flipped[place] ^= 1 << place % 8
        assert not is_intact(bytes(flipped)), place
        assert not is_intact(whole[:place])
    assert not is_intact(whole + b"0")


def test_a_file_of_others_has_nothing_to_tell_and_no_checksum() -> None:
    for metadata in (None, {"format": "pt"}):
        other = save(TENSORS, metadata=metadata)
        assert told_by(other) is None
        assert not is_intact(other)


@pytest.mark.parametrize("length", [0, 1, 2**63, LARGEST_HEADER + 1, 10**6])
def test_a_header_that_lies_about_its_length_is_not_believed(length: int) -> None:
    data = length.to_bytes(8, "little") + packed({}, TENSORS)[8:]
    with pytest.raises(ValueError, match="a header of"):
        told_by(data)


def test_what_is_not_finite_is_not_told() -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        packed({"a": float("nan")}, TENSORS)
