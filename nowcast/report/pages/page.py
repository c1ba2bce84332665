"""A run, or a table of scores, as one self-contained HTML page: nothing is fetched, everything is escaped."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any

import numpy as np
import xarray as xr

from nowcast.report.charts import (
    Figure,
    clock,
    error_figures,
    event_figures,
    interval_note,
    learning_figure,
    moment,
    probability_figures,
    sample,
    scale_figures,
    skill_figures,
    spectrum_figures,
    split_line,
    split_told,
    style_of,
)
from nowcast.report.known import Known, Part, sentences
from nowcast.report.markup import Markup, tag
from nowcast.report.pages.numbers import number_tables, score_sources
from nowcast.report.pictures.film import MOST_BYTES, Film, palette_of
from nowcast.report.wording import number, units_of, with_units
from nowcast.verification.verdict import main_threshold

__all__ = ["page"]

PICTURE_BYTES = 800_000
"""Of each picture, if there were but one cube: six of them, as text, then stay below 8 MB together."""

MOST_RATIOS = 3
"""Baselines that the head of the page compares with."""


def page(title: str, parts: Sequence[Part], known: Known | None = None) -> str:
    """The whole page as text.

    Parameters
    ----------
    title
        Its heading.
    parts
        Of one cube, or of several that a model was trained on.
    """
    known = Known() if known is None else known
    first = next((part.scores for part in parts if part.scores is not None), None)
    said = sentences(first)
    head = tag(
        "header",
        tag(
            "div",
            tag("h1", title),
            tag("p", said[0], class_="verdict"),
            tag("ul", *(tag("li", line) for line in said[1:]), class_="verdicts") if said[1:] else Markup(""),
            tag("p", known.made, class_="made") if known.made else Markup(""),
            Markup("") if first is None else _keys(first),
        ),
    )
    sections = []
    for index, part in enumerate(parts, 1):
        of = f", cube {index}" if len(parts) > 1 else ""
        if part.scores is not None:
            sections += _scored(part.scores, part, of, min(MOST_BYTES, PICTURE_BYTES // len(parts)))
    numbers = Markup("") if first is None else _numbers(parts, first)
    sections += [_trained(known, parts), numbers, _commands(known.commands)]
    version = "" if first is None else first.attrs.get("nowcast_version", "")
    foot = tag("footer", f"Made by nowcast {version}. This page needs no network.")
    return _document(title, head, tag("main", *(each for each in sections if each)), foot)


def _document(title: str, *body: str) -> str:
    files = resources.files("nowcast.report.pages")
    style, script = (files.joinpath(name).read_text("utf-8") for name in ("page.css", "page.js"))
    mark = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    rules = f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{mark}'; base-uri 'none'"
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=rules),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("link", rel="icon", href="data:,"),
        tag("title", title),
        tag("style", Markup(style)),
    )
    return f"<!doctype html>\n{tag('html', head, tag('body', *body, tag('script', Markup(script))), lang='en')}\n"


def _keys(scores: xr.Dataset) -> Markup:
    """The figures that matter most, at the last lead time."""
    names = [str(name) for name in scores["forecaster"].values]
    leads, unit, _ = clock(scores)
    when = f"at +{leads[-1]:g} {unit}"
    last = scores.isel(lead_time=-1)
    found: list[tuple[str, str]] = []
    for other in names[1 : 1 + MOST_RATIOS]:
        if "mse" not in scores:
            break
        own, theirs = (float(last["mse"].sel(forecaster=name)) for name in (names[0], other))
        if theirs > 0 and np.isfinite(own):
            told = f"of {other}'s MSE {when}"
            if "mse_ratio_low" in scores and other in scores["against"].values:
                low, high = (float(last[f"mse_ratio_{end}"].sel(against=other)) for end in ("low", "high"))
                told += f" ({low:.2f} to {high:.2f})" if np.isfinite([low, high]).all() else ""
            found.append((f"{own / theirs:.2f} ×", told))
    level = main_threshold(scores)
    if "csi" in scores and level is not None:
        values = last["csi"].sel(threshold=level)
        if np.isfinite(values).any():
            rest = ", ".join(f"{name} {number(float(values.sel(forecaster=name)))}" for name in names[1:])
            text = f"CSI ≥ {number(level)}{units_of(scores)} {when}" + (f"; {rest}" if rest else "")
            found.append((number(float(values.sel(forecaster=names[0]))), text))
    if "cases" in scores:
        count = int(scores["cases"].max())
        span = [str(scores.attrs.get(f"{end}_reference_time", ""))[:16].replace("T", " ") for end in ("first", "last")]
        dated = all(span) and not span[0].startswith("1970-01-01")  # a clip's times are counted from there
        found.append((f"{count}", "forecast(s) scored" + (f", from {span[0]} to {span[1]} UTC" if dated else "")))
    items = [tag("li", tag("b", value), tag("span", text)) for value, text in found]
    return tag("ul", *items, class_="keys") if items else Markup("")


def _scored(scores: xr.Dataset, part: Part, of: str, most: int) -> list[Markup]:
    names = [str(name) for name in scores["forecaster"].values]
    legend = tag("div", *(sample(style_of(name, names), name) for name in names), class_="legend")
    found = [_cases(part, of, most)]
    skill = skill_figures(scores)
    if skill:
        others = tag("div", *(sample(style_of(name, names), f"against {name}") for name in names[1:]), class_="legend")
        note = tag("p", interval_note(scores)) if interval_note(scores) else Markup("")
        found.append(tag("section", tag("h2", "How it stands to the baselines" + of), others, note, _grid(skill)))
    for title, figures in (
        ("Errors by lead time", error_figures(scores)),
        ("Events", event_figures(scores)),
        ("Scales", scale_figures(scores) + spectrum_figures(scores)),
        ("Probabilities", probability_figures(scores)),
    ):
        if figures:
            found.append(tag("section", tag("h2", title + of), legend, _grid(figures)))
    return found


def _grid(figures: Sequence[Figure]) -> Markup:
    return tag("div", *map(_figure, figures), class_="grid")


def _figure(figure: Figure) -> Markup:
    return tag("figure", tag("h3", figure.title), figure.drawing, tag("figcaption", figure.caption))


def _cases(part: Part, of: str, most: int) -> Markup:
    cases = part.cases
    if cases is None:
        return Markup("")
    units = str(cases["field"].attrs.get("units", ""))
    variable = str(cases["field"].attrs.get("long_name", cases.attrs.get("variable", "")))
    label = with_units(variable, units)
    palette = palette_of(cases)
    names = ", ".join(str(name) for name in cases["forecaster"].values)
    against = str(cases.attrs.get("against", "persistence"))
    figures = []
    for name in cases["case"].values:
        case = cases.sel(case=name)
        film = Film(case["field"], palette, label, most=most)
        when = str(case["reference"].values)
        start = f"{when[:16].replace('T', ' ')} UTC" if not cases.attrs.get("clip") else f"the clip's {when[11:19]}"
        alt = f"{str(name).capitalize()} case, forecast from {start}: {names} side by side"
        images = [
            tag("img", src=_data(data), alt=f"{alt}, {how}", class_=kind)
            for data, how, kind in ((film.animation(), "moving", "moving"), (film.sheet(), "by lead time", "still"))
        ]
        share = f"squared error {float(case['share_of_error']):.2f} times {against}'s"
        figures.append(
            tag(
                "figure",
                tag("h3", f"{str(name).capitalize()} case"),
                *images,
                tag("figcaption", f"From {start}; {share}."),
            )
        )
    pixels = int(cases.attrs.get("pixels_averaged", 1))
    text = (
        f"Of {cases.attrs.get('cases_to_choose_from')} forecasts scored, those with the smallest, the middle and the "
    )
    text += (
        f"largest squared error as a share of {against}'s; of these, cases in which hardly anything happens are none."
    )
    text += f" Drawn as means of {pixels} x {pixels} pixels." if pixels > 1 else ""
    return tag(
        "section", tag("h2", "Best, median and worst case" + of), tag("p", text), tag("div", *figures, class_="cases")
    )


def _data(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode()


def _trained(known: Known, parts: Sequence[Part]) -> Markup:
    found: list[Markup] = []
    card = Markup("")
    if known.facts:
        facts = [tag("div", tag("dt", name), tag("dd", text)) for name, text in known.facts.items()]
        card = tag("figure", tag("h3", "The model"), tag("dl", *facts))
    for index, part in enumerate(parts, 1):
        if part.audit is not None:
            found.append(_audit(part.audit, f", cube {index}" if len(parts) > 1 else "", index))
    learning = learning_figure(known.history)
    if learning is not None:
        found.append(_figure(learning))
    if not found and not card:
        return Markup("")
    return tag("section", tag("h2", "What was trained on what"), card, tag("div", *found, class_="pair"))


def _audit(audit: Mapping[str, Any], of: str, number: int) -> Markup:
    head = tag("tr", *(tag("th", name, scope="col") for name in ("part", "first", "last", "frames")))
    rows = [
        tag(
            "tr",
            tag("th", str(name), scope="row"),
            *(tag("td", moment(part.get(end, ""))) for end in ("first", "last")),
            tag("td", str(part.get("frames", ""))),
        )
        for name, part in audit["parts"].items()
    ]
    table = tag("div", tag("table", tag("thead", head), tag("tbody", *rows)), class_="scroll")
    return tag(
        "figure", tag("h3", "Split" + of), split_line(audit, number=number), table, tag("figcaption", split_told(audit))
    )


def _numbers(parts: Sequence[Part], first: xr.Dataset) -> Markup:
    found = []
    for index, part in enumerate(parts, 1):
        of = f", cube {index}" if len(parts) > 1 else ""
        scores = part.scores
        if scores is None:
            continue
        if "threshold" in scores.coords:
            levels = ", ".join(number(float(level)) for level in scores["threshold"].values)
            rule = str(scores.attrs.get("thresholds_source", ""))
            text = f"Thresholds{of}: {levels}{units_of(scores)}"
            found.append(tag("p", text + (f" ({rule})." if rule else ".")))
        found.append(tag("details", tag("summary", "All numbers" + of), number_tables(scores)))
    sources = score_sources(first)
    if sources:
        found.append(tag("details", tag("summary", "What each score is, and its source"), sources))
    return tag("section", tag("h2", "Numbers"), *found)


def _commands(commands: Sequence[str]) -> Markup:
    if not commands:
        return Markup("")
    return tag("section", tag("h2", "To have the same again"), tag("pre", "\n".join(commands), tabindex=0))
