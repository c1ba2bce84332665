"""Parts are drawn where their frames are."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from itertools import pairwise

import pytest

from nowcast.report.charts.splitting import MOST_RUNS, split_line

AUDIT = {
    "parts": {
        "training": {"runs": [[0, 50]]},
        "validation": {"runs": [[60, 75]]},
        "test": {"runs": [[85, 90], [95, 100]]},
    }
}


def test_parts_lie_in_proportion_to_their_frames() -> None:
    root = ET.fromstring(split_line(AUDIT))
    width = float(root.get("viewBox", "").split()[2])
    boxes = [each for each in root.iter("rect") if "part" in each.get("class", "").split()]
    spans = [(float(box.get("x", "")) / width, float(box.get("width", "")) / width) for box in boxes]
    assert spans == [pytest.approx(span, abs=1e-3) for span in [(0, 0.5), (0.6, 0.15), (0.85, 0.05), (0.95, 0.05)]]
    names = [each for each in root.iter("text") if each.get("class") == "part-name"]
    assert [name.text for name in names] == ["training", "validation", "test"]
    places = [float(name.get("x", "")) for name in names]
    assert min(b - a for a, b in pairwise(places)) >= 60, "names do not lie on each other"
    assert places[-1] < width - 20
    assert "test 85 to 99" in root.get("aria-label", "")


def test_very_many_runs_are_few_boxes() -> None:
    runs = [[1000 * i + start, 1000 * i + stop] for i in range(80) for start, stop in ((0, 300), (310, 700))]
    made = split_line({"parts": {"training": {"runs": runs}, "test": {"runs": []}}})
    assert made.count("<rect") == 80 + 1
    dense = [[3 * i, 3 * i + 2] for i in range(20 * MOST_RUNS)]
    assert split_line({"parts": {"training": {"runs": dense}}}).count("<rect") == 2
    assert split_line({"parts": {"training": {"runs": []}}}) == ""
