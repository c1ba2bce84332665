"""Learning is drawn beside persistence."""

from __future__ import annotations

from nowcast.report.learning import learning_figure


def test_learning_stands_beside_persistence() -> None:
    rows = [
        {"epoch": epoch, "validation": loss, "training": 2 * loss, "persistence": 0.3, "step": 1}
        for epoch, loss in enumerate((0.5, 0.2, 0.4), 1)
    ]
    figure = learning_figure(rows)
    assert figure is not None
    assert "those of epoch 2" in figure.caption
    for name in ("validation", "training", "persistence"):
        assert f">{name}</text>" in figure.drawing


def test_what_cannot_be_drawn_is_left_out() -> None:
    assert learning_figure([]) is None
    assert learning_figure([{"epoch": 1, "validation": float("nan")}]) is None
    assert learning_figure([{"validation": 1.0}, {"epoch": "<b>"}]) is None
    figure = learning_figure([{"epoch": 1, "validation": 0.4, "training": None}])
    assert figure is not None
    assert ">training</text>" not in figure.drawing
