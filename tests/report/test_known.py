"""The first sentences of a report."""

from __future__ import annotations

from nowcast.report.known import UNSCORED, Known, Part, sentences


def test_without_scores_it_is_said_that_there_are_none() -> None:
    assert sentences(None) == [UNSCORED]


def test_nothing_need_be_known() -> None:
    assert Part(None) == Part(None, None, None)
    assert Known() == Known(facts={}, history=(), commands=(), made="")
