"""What a notebook shows: whole in itself, and nothing that a file says is taken for markup."""

from __future__ import annotations

import re
from collections.abc import Callable
from html.parser import HTMLParser

import pytest
import xarray as xr

from nowcast.description import describe
from nowcast.report import ScoreTable
from nowcast.report.pages import inline

Maker = Callable[..., xr.Dataset]
HOSTILE = "<script>alert('x')</script>\"'><img src=x onerror=alert(1)>\x1b[31m\u202e</style>"
HISTORY = [{"epoch": n, "training": 0.3 / n, "validation": 0.4 / n, "persistence": 0.5} for n in range(1, 5)]


class Elements(HTMLParser):
    """All elements with their attributes, and that each is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(text)
        assert not self.open

    def handle_starttag(self, name: str, attributes: list[tuple[str, str | None]]) -> None:
        self.found.append((name, dict(attributes)))
        self.open.append(name)

    def handle_startendtag(self, name: str, attributes: list[tuple[str, str | None]]) -> None:
        self.found.append((name, dict(attributes)))

    def handle_endtag(self, name: str) -> None:
        assert self.open.pop() == name

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text += data


def hostile_pieces(cube: xr.DataArray, scores: xr.Dataset) -> dict[str, str]:
    hostile = cube.rename(HOSTILE).assign_attrs(units=HOSTILE, long_name=HOSTILE)
    names = [HOSTILE, *scores["forecaster"].values[1:]]
    table = scores.assign_coords(forecaster=names).assign_attrs(variable=HOSTILE, units=HOSTILE)
    return {
        "described": inline.described(describe(hostile), {"refused": HOSTILE}),
        "scored": ScoreTable(table)._repr_html_(),
        "trained": inline.trained(
            HOSTILE,
            verdict=[HOSTILE] * 2,
            scores=table,
            history=HISTORY,
            facts={HOSTILE: HOSTILE},
            next_steps=[HOSTILE],
        ),
        "moving": inline.moving(b"png", alt=HOSTILE, caption=HOSTILE),
    }


@pytest.mark.parametrize("piece", ["described", "scored", "trained", "moving"])
def test_nothing_that_a_file_says_becomes_markup(piece: str, cube: xr.DataArray, made_scores: Maker) -> None:
    made = hostile_pieces(cube, made_scores())[piece]
    elements = Elements(made)
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", made)
    names = [name for name, _ in elements.found]
    assert names.count("style") == 1
    assert "script" not in names
    images = [attributes for name, attributes in elements.found if name == "img"]
    assert len(images) == (piece == "moving")
    assert not [key for _, attributes in elements.found for key in attributes if key.startswith("on")]
    assert "<script>alert('x')</script>" in elements.text, "it is shown as it is written"


@pytest.mark.parametrize("piece", ["described", "scored", "trained", "moving"])
def test_nothing_is_fetched_and_no_style_reaches_beyond(piece: str, cube: xr.DataArray, made_scores: Maker) -> None:
    made = hostile_pieces(cube, made_scores())[piece]
    for _, attributes in Elements(made).found:
        for key in ("src", "href"):
            assert str(attributes.get(key, "data:")).startswith("data:")
    style = re.sub(r"@media[^{]*\{(.*?\})\s*\}", r"\1", made.split("<style>")[1].split("</style>")[0])
    assert "url(" not in style
    for rule in re.findall(r"([^{}]+)\{", style):
        assert all(".nowcast" in each for each in rule.split(",")), rule


def test_a_run_shows_its_verdict_scores_and_course(made_scores: Maker) -> None:
    scores = made_scores()
    made = inline.trained(
        "radar: rain rate",
        verdict=["It loses.", "It wins."],
        scores=scores,
        history=HISTORY,
        facts={"model": "cascade"},
        next_steps=["run.report()"],
    )
    text = Elements(made).text
    for told in ("radar: rain rate", "It loses.", "persistence", "Loss on scaled values", "run.report()"):
        assert told in text
    assert made.count("<svg") == 1
    bare = inline.trained("a", verdict=[], scores=None, history=[], facts={}, next_steps=[])
    assert "<svg" not in bare


def test_what_to_beware_of_stands_out(cube: xr.DataArray) -> None:
    plain = cube.drop_attrs(deep=False)
    made = inline.described(describe(plain), {"refused": "too few frames"})
    assert re.search(r'<tr class="beware"><th scope="row">beware</th><td>no units', made)
    assert "too few frames" in made
