"""Whatever a text holds, the page holds it as text."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nowcast.errors import printable
from nowcast.report.markup import Markup, joined, tag


class Reader(HTMLParser):
    """The elements and texts of a piece of HTML."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, name: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((name, dict(attributes)))

    def handle_data(self, data: str) -> None:
        self.text += data


@given(st.text())
def test_a_text_comes_back_as_it_was_and_makes_no_element(text: str) -> None:
    read = Reader(tag("p", text, title=text))
    assert read.tags == [("p", {"title": printable(text)})]
    assert read.text == printable(text)


def test_elements_lie_within_elements() -> None:
    made = tag("p", "a < b", tag("b", "<i>"), class_="x", stroke_width=1.5, hidden=True, id=None, lang=False)
    assert made == '<p class="x" stroke-width="1.5" hidden="">a &lt; b<b>&lt;i&gt;</b></p>'
    assert joined("&", Markup("&amp;")) == "&amp;&amp;"
    assert tag("br") == "<br/>"
    assert tag("td") == "<td></td>"


def test_names_of_attributes_are_ours() -> None:
    with pytest.raises(ValueError, match="no attribute's name"):
        tag("p", **{"on<": "x"})
