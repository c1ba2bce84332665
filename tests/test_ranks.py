"""Which of several processes this is, by torchrun's environment; what several do is in `training/test_together.py`."""

from __future__ import annotations

import pytest

from nowcast import ranks
from nowcast.errors import InputError

TOLD = {"RANK": "5", "WORLD_SIZE": "8", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "4", "MASTER_ADDR": "first.machine"}


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in TOLD:
        monkeypatch.delenv(name, raising=False)


def test_a_process_is_where_torchrun_says(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in TOLD.items():
        monkeypatch.setenv(name, value)
    assert ranks.here() == ranks.Place(rank=5, world=8, local=1, beside=4)
    assert not ranks.here().first


@pytest.mark.parametrize("told", [{}, {**TOLD, "WORLD_SIZE": "1", "RANK": "0"}, {"RANK": "3", "WORLD_SIZE": "8"}])
def test_else_it_is_the_only_one_and_the_first(told: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    assert ranks.here() == ranks.Place()
    assert ranks.here().first


def test_alone_a_process_hears_itself() -> None:
    def refuse() -> None:
        raise InputError("no")

    with ranks.joined() as among:
        assert among.world == 1
        assert ranks.from_first(lambda: {"epochs": 3}) == {"epochs": 3}
        assert ranks.first_alone(lambda: 7) == 7
        assert ranks.gathered("here") == ["here"]
        ranks.require_same({"a": 1}, what="data")
        with pytest.raises(InputError, match="no"):
            ranks.from_first(refuse)
        assert not ranks.is_of_others(RuntimeError("gloo: Connection closed by peer"))
