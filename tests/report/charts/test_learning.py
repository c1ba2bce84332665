"""Learning is drawn beside persistence."""

from __future__ import annotations

from nowcast.report.charts.learning import learning_figure


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


def test_the_weights_kept_are_those_of_the_best_score_where_one_was_asked_for() -> None:
    scores = (0.3, 0.2, 0.5, 0.4)
    losses = (0.4, 0.1, 0.2, 0.3)
    for name, epoch in (("csi@1mm/h", 3), ("brier@1mm/h", 2)):
        rows = [
            {"epoch": number, "validation": loss, name: score, f"{name} of persistence": 0.1}
            for number, (loss, score) in enumerate(zip(losses, scores, strict=True), 1)
        ]
        figure = learning_figure(rows)
        assert figure is not None
        assert f"those of epoch {epoch}." in figure.caption
    figure = learning_figure([{"epoch": 1, "validation": 0.1, "csi@1 of persistence": 0.1, "csi@1": None}])
    assert figure is not None
    assert "weights kept" not in figure.caption


def test_against_a_discriminator_it_is_not_said_which_epoch_was_kept() -> None:
    figure = learning_figure([{"epoch": 1, "validation": 0.1, "discriminator": 1.9}, {"epoch": 2, "validation": 0.2}])
    assert figure is not None
    assert "weights kept" not in figure.caption, "those of its second half compete, and it may have ended before"


def test_what_cannot_be_drawn_is_left_out() -> None:
    assert learning_figure([]) is None
    assert learning_figure([{"epoch": 1, "validation": float("nan")}]) is None
    assert learning_figure([{"validation": 1.0}, {"epoch": "<b>"}]) is None
    figure = learning_figure([{"epoch": 1, "validation": 0.4, "training": None}])
    assert figure is not None
    assert ">training</text>" not in figure.drawing
