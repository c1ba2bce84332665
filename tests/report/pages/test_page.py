"""The page holds what is known, is whole in itself, and takes nothing that a file says for markup."""

from __future__ import annotations

import re
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

import pytest
import xarray as xr

from nowcast.report.known import Known, Part, sentences
from nowcast.report.pages.page import page
from nowcast.report.pictures.film import Film

Maker = Callable[..., xr.Dataset]
HOSTILE = "<script>alert('x')</script>\"'><img src=x onerror=alert(1)>"
AUDIT = {
    "split_by": "blocks of time",
    "parts": {
        "training": {"first": "2026-05-01T00:00:00", "last": "2026-05-01T02:00:00", "frames": 25, "runs": [[0, 25]]},
        "test": {"first": "2026-05-01T03:00:00", "last": "2026-05-01T04:00:00", "frames": 13, "runs": [[37, 50]]},
    },
    "embargo_frames": 12,
    "shared_frames": 0,
}


class Elements(HTMLParser):
    """All elements with their attributes, and that each is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self._open: list[str] = []
        self.feed(text)
        assert not self._open

    def handle_starttag(self, name: str, attributes: list[tuple[str, str | None]]) -> None:
        self.found.append((name, dict(attributes)))
        self._open.append(name)

    def handle_startendtag(self, name: str, attributes: list[tuple[str, str | None]]) -> None:
        self.found.append((name, dict(attributes)))

    def handle_endtag(self, name: str) -> None:
        assert self._open.pop() == name


def test_all_that_is_known_is_there(made_scores: Maker, made_cases: Maker) -> None:
    known = Known(
        facts={"model": "convlstm", "hardware": "x86_64"},
        history=[{"epoch": 1, "validation": 0.2, "training": 0.3, "persistence": 0.4}],
        commands=["nowcast fit radar --config c.yaml"],
        made="today",
    )
    text = page("A run", [Part(made_scores(), AUDIT, made_cases())], known)
    for words in (
        "<h1>A run</h1>", "Best, median and worst case", "How it stands to the baselines", "Errors by lead time",
        "Events", "Scales", "Probabilities", "What was trained on what", "convlstm", "x86_64", "Learning", "today",
        "12 frames are left out", "0 frames are in two parts", "nowcast fit radar --config c.yaml",
        "Thresholds: 0.1, 1, 5 mm h-1",
    ):  # fmt: skip
        assert words in text, words
    images = [attributes for name, attributes in Elements(text).found if name == "img"]
    assert len(images) == 2 * 3
    assert all(str(each["alt"]).startswith(("Best", "Median", "Worst")) for each in images)
    assert len(text) < 8_000_000


def test_nothing_is_fetched_and_names_are_unique(made_scores: Maker, made_cases: Maker) -> None:
    part = Part(made_scores(), AUDIT, made_cases())
    found = Elements(page("A run", [part, part])).found
    for name, attributes in found:
        for key in ("src", "href", "srcset", "data", "action", "xlink:href"):
            assert str(attributes.get(key) or "data:").startswith("data:"), name
        assert not any(key.startswith("on") for key in attributes)
    assert sum(name == "script" for name, _ in found) == 1
    assert "url(" not in re.sub(r"url\(#hatch-1\)", "", page("A run", [part]))
    assert any(attributes.get("name") == "viewport" for _, attributes in found)
    ids = [attributes["id"] for _, attributes in found if "id" in attributes]
    assert len(ids) == len(set(ids)) == 2
    drawings = [attributes for name, attributes in found if name == "svg"]
    assert all(attributes.get("aria-label") or attributes.get("aria-hidden") for attributes in drawings)


def test_what_files_say_is_text(made_scores: Maker, made_cases: Maker) -> None:
    scores = made_scores(forecasters=(HOSTILE, "persistence", HOSTILE + "2"))
    scores.attrs.update(variable=HOSTILE, units=HOSTILE, thresholds_source=HOSTILE, first_reference_time=HOSTILE)
    scores["mse"].attrs.update(long_name=HOSTILE, source=HOSTILE, comment=HOSTILE)
    cases = made_cases(variable=HOSTILE, units=HOSTILE)
    cases = cases.assign_coords(forecaster=["observed", HOSTILE, "persistence"])
    cases.attrs.update(against=HOSTILE)
    cases["field"].attrs.update(long_name=HOSTILE)
    audit = {**AUDIT, "split_by": HOSTILE, "parts": {HOSTILE: AUDIT["parts"]["training"]}}
    known = Known({HOSTILE: HOSTILE}, [{"epoch": 1, "validation": 1.0, HOSTILE: 2}], [HOSTILE], HOSTILE)
    text = page(HOSTILE, [Part(scores, audit, cases)], known)
    found = Elements(text).found
    assert sum(name == "script" for name, _ in found) == 1
    assert "<img src=x" not in text
    assert not any("onerror" in attributes for _, attributes in found)


def test_without_anything_to_compare_the_page_says_so(made_scores: Maker) -> None:
    only = made_scores("ssim", forecasters=("mine",))
    text = page("Scores", [Part(only)])
    assert "Scores of mine." in text
    for words in ("trained on what", "Best, median", "To have the same again", "How it stands"):
        assert words not in text
    assert sentences(made_scores("ssim")) == ["Scores of convlstm, persistence, advection."]


def test_the_verdict_stands_first_a_line_for_each_that_it_says(made_scores: Maker) -> None:
    scores = made_scores()
    lines = sentences(scores)
    assert len(lines) > 1
    assert all(line.endswith(".") and not line.endswith("..") for line in lines)
    text = page("A run", [Part(scores)])
    assert f'<p class="verdict">{lines[0]}</p>' in text
    assert text.count("<li>" + lines[1]) == 1


@pytest.mark.parametrize(("levels", "main"), [((0.1,), "0.1"), ((0.1, 1.0), "0.1"), ((0.1, 1.0, 5.0), "1")])
def test_its_head_has_the_csi_that_the_verdict_is_of(made_scores: Maker, levels: tuple[float, ...], main: str) -> None:
    text = page("A run", [Part(made_scores().sel(threshold=list(levels)))])
    assert f"<span>CSI ≥ {main} mm h-1 at +20 min" in text
    assert f"CSI ≥ {main} mm h-1 " in text.split("<header")[1].split('class="keys"')[0], "the verdict's"


def test_what_is_a_share_has_thresholds_without_units(made_scores: Maker) -> None:
    text = page("A run", [Part(made_scores().assign_attrs(units="1", thresholds_source="given"))])
    assert "<p>Thresholds: 0.1, 1, 5 (given).</p>" in text
    assert "<caption>csi, ≥ 5</caption>" in text
    assert "≥ 5 1" not in text


def test_several_cubes_follow_one_another(made_scores: Maker) -> None:
    text = page("Two", [Part(made_scores(), AUDIT), Part(made_scores("mse"), AUDIT)])
    assert "Errors by lead time, cube 1" in text
    assert "Errors by lead time, cube 2" in text
    assert text.count("<h3>Split, cube") == 2
    assert "Events, cube 2" not in text


def test_pictures_of_many_cubes_share_the_room(
    made_scores: Maker, made_cases: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    rooms: list[int] = []

    class Watched(Film):
        def __init__(self, *given: Any, most: int) -> None:
            rooms.append(most)
            super().__init__(*given, most=most)

    monkeypatch.setattr("nowcast.report.pages.page.Film", Watched)
    for count in (1, 4):
        rooms.clear()
        page("A run", [Part(made_scores("mse"), None, made_cases())] * count)
        assert len(rooms) == 3 * count
        assert 2 * sum(rooms) * 4 / 3 < 7_000_000
