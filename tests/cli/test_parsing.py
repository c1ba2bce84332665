from __future__ import annotations

import pytest

from nowcast.cli.parsing import numbers_of, product_of, shares_of, sizes_of
from nowcast.errors import InputError


def test_words_become_lists_and_tables() -> None:
    assert numbers_of("0.1,1,5", "--thresholds", float) == [0.1, 1, 5]
    assert shares_of("mse=1,ssim=0.1,mae") == {"mse": 1, "ssim": 0.1, "mae": 1}
    assert sizes_of("time=16,y=256", "--chunks") == {"time": 16, "y": 256}
    assert numbers_of(None, "--hidden", int) is shares_of(None) is sizes_of(None, "--chunks") is None


@pytest.mark.parametrize("text", ["time", "time=0", "time=-1", "time=many", "time=16,,", "16"])
def test_sizes_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(InputError, match="--chunks"):
        sizes_of(text, "--chunks")


def test_a_product_is_one_of_two() -> None:
    assert [product_of(text) for text in ("mean", "matched", None)] == ["mean", "matched", None]
    with pytest.raises(InputError, match="--product 'median'"):
        product_of("median")
