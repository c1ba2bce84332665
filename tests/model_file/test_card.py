"""What a file says of its model is looked at before it is believed; more such stories: test_storing.py."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pytest

from nowcast.errors import UnsafeError
from nowcast.model_file.card import FORMAT, MOST_FRAMES, Card, card_format, card_from
from nowcast.scaling import Scaler

CARD = Card(
    model="convlstm",
    keywords={"hidden": [4, 4]},
    scaler=Scaler("unit", 0.0, 1.0).to_dict(),
    variable="rain_rate",
    units="mm h-1",
    channels=1,
    grid_step={"y": 1000.0, "x": 1000.0, "units": "m", "y_rises": False, "x_rises": True},
    time_step_seconds=300.0,
    context=4,
    horizon=6,
    masked=True,
    trained_on={},
    versions={"nowcast": "0.1.0"},
)


def test_a_card_comes_back_from_its_plain_data() -> None:
    assert card_from(asdict(CARD)) == CARD
    assert card_format(asdict(CARD)) == FORMAT


@pytest.mark.parametrize(
    "change",
    [
        {"keywords": []},
        {"variable": ["rain"]},
        {"units": {"__class__": "os.system"}},
        {"context": True},
        {"time_step_seconds": 10**400},
        {"grid_step": {**CARD.grid_step, "y": 10**400}},  # type: ignore[dict-item]
        {"grid_step": {**CARD.grid_step, "y_rises": "no"}},  # type: ignore[dict-item]
        {"other_grids": [[]]},
        {"trained_on": "yesterday"},
        {"versions": {"torch": 2}},
        {"more": 1},
    ],
    ids=str,
)
def test_fields_of_another_kind(change: dict[str, Any]) -> None:
    with pytest.raises((ValueError, TypeError, ArithmeticError)):
        card_from({**asdict(CARD), **change})


@pytest.mark.parametrize(
    "change",
    [{"horizon": MOST_FRAMES + 1}, {"channels": 10**12}, {"keywords": {"hidden": [1] * 5000}}],
    ids=lambda c: next(iter(c)),
)
def test_more_than_is_ever_written_is_not_obeyed(change: dict[str, Any]) -> None:
    with pytest.raises(UnsafeError, match="larger model"):
        card_from({**asdict(CARD), **change})


@pytest.mark.parametrize("written", [None, "2", 0, -1, True, 1.0])
def test_a_format_is_a_number(written: Any) -> None:
    with pytest.raises(ValueError, match="is none"):
        card_format({"format": written})
