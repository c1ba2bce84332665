"""Thresholds: ascending, finite, at least one."""

from __future__ import annotations

import pytest

from nowcast.errors import InputError
from nowcast.losses.thresholds import THRESHOLDS, checked


def test_thresholds_come_out_ascending_and_once() -> None:
    assert checked([0.5, 0.25, 0.5]) == (0.25, 0.5)
    assert checked(THRESHOLDS) == THRESHOLDS


@pytest.mark.parametrize("wrong", [(), (float("nan"),), (0.5, float("inf"))])
def test_what_is_no_threshold_is_refused(wrong: tuple[float, ...]) -> None:
    with pytest.raises(InputError, match="thresholds"):
        checked(wrong)
