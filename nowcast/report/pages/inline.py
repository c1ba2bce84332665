"""Pieces of HTML that a notebook shows below a cell: each carries its style, fetches nothing, escapes every text."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from typing import Any

import xarray as xr

from nowcast.description import Description
from nowcast.report.charts import learning_figure
from nowcast.report.markup import Markup, tag
from nowcast.report.tables import description_rows, leads_shown, score_columns
from nowcast.report.wording import lead_texts, with_units

__all__ = ["described", "moving", "scored", "trained"]


def described(description: Description, plan: Mapping[str, Any]) -> str:
    """What a cube is, and what fit would do with it: names down the left, what to beware of in colour."""
    return _piece(_facts(description_rows(description, plan)))


def scored(scores: xr.Dataset, verdict: Sequence[str]) -> str:
    """The verdict and the table of scores.

    Parameters
    ----------
    scores
        From `nowcast.evaluate`.
    verdict
        Its sentences.
    """
    return _piece(_verdict(verdict), _scores(scores))


def trained(
    title: str,
    *,
    verdict: Sequence[str],
    scores: xr.Dataset | None,
    history: Sequence[Mapping[str, Any]],
    facts: Mapping[str, str],
    next_steps: Sequence[str],
) -> str:
    """A run: its verdict, its scores, how the loss fell, what was trained on what, and what can be done with it.

    Parameters
    ----------
    scores
        None where nothing was scored.
    history
        Rows of `history.jsonl`.
    """
    learning = learning_figure(history)
    curve = Markup("") if learning is None else tag("figure", learning.drawing, tag("figcaption", learning.caption))
    return _piece(
        tag("h4", title),
        _verdict(verdict),
        Markup("") if scores is None else _scores(scores),
        curve,
        tag("details", tag("summary", "What was trained on what"), _facts(list(facts.items()))),
        tag("p", "Next: ", *(part for step in next_steps for part in (tag("code", step), " ")), class_="soft"),
    )


def moving(png: bytes, *, alt: str, caption: str) -> str:
    """An animated PNG, and a sentence below it."""
    image = tag("img", src="data:image/png;base64," + base64.b64encode(png).decode(), alt=alt)
    return _piece(tag("figure", image, tag("figcaption", caption)))


def _piece(*body: str) -> str:
    return tag("div", tag("style", Markup(_style())), *body, class_="nowcast")


@cache
def _style() -> str:
    return resources.files("nowcast.report.pages").joinpath("inline.css").read_text("utf-8")


def _facts(rows: Sequence[tuple[str, str]]) -> Markup:
    lines = [
        tag("tr", tag("th", name, scope="row"), tag("td", text), class_="beware" if name == "beware" else None)
        for name, text in rows
    ]
    return tag("table", tag("tbody", *lines), class_="facts")


def _verdict(sentences: Sequence[str]) -> Markup:
    if not sentences:
        return Markup("")
    rest = tag("ul", *(tag("li", line) for line in sentences[1:])) if len(sentences) > 1 else ""
    return tag("div", tag("p", tag("b", sentences[0])), *([rest] if rest else []))


def _scores(scores: xr.Dataset) -> Markup:
    """A row per lead time and forecaster, the best of each score bold; all lead times on demand where they are many."""
    shown, every = leads_shown(scores), list(range(scores.sizes["lead_time"]))
    cases = f", {int(scores['cases'].max())} forecast(s)" if "cases" in scores else ""
    field = with_units(str(scores.attrs.get("variable", "")), str(scores.attrs.get("units", "")))
    head = f"{field}{cases}; bold: the best"
    parts = [tag("p", head, class_="soft"), _table(scores, shown)]
    if len(shown) < len(every):
        parts.append(tag("details", tag("summary", f"All {len(every)} lead times"), _table(scores, every)))
    return tag("div", *parts)


def _table(scores: xr.Dataset, rows: Sequence[int]) -> Markup:
    names = [str(name) for name in scores["forecaster"].values]
    columns, leads = score_columns(scores), lead_texts(scores["lead_time"])
    titles = [tag("th", *_lines(column.title), scope="col") for column in columns]
    head = tag("tr", tag("th", "lead", scope="col"), tag("th", "forecaster", scope="col", class_="name"), *titles)
    groups = []
    for row in rows:
        cells = [column.cells(row) for column in columns]
        lines = []
        for place, name in enumerate(names):
            lead = [] if place else [tag("th", leads[row], scope="rowgroup", rowspan=len(names))]
            told = (each[place] for each in cells)
            numbers = [tag("td", tag("b", text) if best else text) for text, best in told]
            lines.append(tag("tr", *lead, tag("th", name, scope="row", class_="name"), *numbers))
        groups.append(tag("tbody", *lines, class_="lead"))
    return tag("div", tag("table", tag("thead", head), *groups), class_="wide")


def _lines(title: str) -> list[str]:
    first, *rest = title.split("\n")
    return [first, *(part for line in rest for part in (tag("br"), line))]
