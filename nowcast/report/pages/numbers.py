"""Scores as HTML tables: lead times down, forecasters across, the better ones bold."""

from __future__ import annotations

import numpy as np
import xarray as xr

from nowcast.report.markup import Markup, joined, tag
from nowcast.report.wording import lead_texts, number, units_of, with_units
from nowcast.verification import HIGHER, LOWER

__all__ = ["number_tables", "score_sources"]

MOST_TABLES = 80


def number_tables(scores: xr.Dataset) -> Markup:
    """One table for each score, and each threshold and scale of it."""
    tables: list[Markup] = []
    for name in map(str, scores.data_vars):
        values = scores[name]
        if not {"forecaster", "lead_time"} <= set(values.dims) or values.dtype.kind != "f":
            continue
        rest = [str(dim) for dim in values.dims if dim not in ("forecaster", "lead_time")]
        if not set(rest) <= {"threshold", "scale"}:
            continue
        for place in np.ndindex(*(values.sizes[dim] for dim in rest)):
            one = values.isel(dict(zip(rest, place, strict=True)))
            if np.isfinite(one.values).any():
                tables.append(_table(name, one, _caption(name, one, scores, rest)))
    if len(tables) > MOST_TABLES:
        tables = [*tables[:MOST_TABLES], tag("p", f"{len(tables) - MOST_TABLES} more are in the table of scores.")]
    return tag("div", *tables, class_="tables")


def score_sources(scores: xr.Dataset) -> Markup:
    """What each score is, and the paper that defines it."""
    items = []
    for name in map(str, scores.data_vars):
        attrs = scores[name].attrs
        if "source" in attrs:
            comment = f"; {attrs['comment']}" if "comment" in attrs else ""
            items.append(tag("li", tag("b", name), f": {attrs.get('long_name', name)} ({attrs['source']}){comment}"))
    return tag("ul", *items, class_="sources") if items else Markup("")


def _caption(name: str, one: xr.DataArray, scores: xr.Dataset, rest: list[str]) -> str:
    text = with_units(name, str(one.attrs.get("units", "")))
    if "threshold" in rest:
        text += f", ≥ {number(float(one['threshold']))}{units_of(scores)}"
    if "scale" in rest:
        text += f", {int(one['scale'])} px"
    return text


def _table(name: str, one: xr.DataArray, caption: str) -> Markup:
    names = [str(forecaster) for forecaster in one["forecaster"].values]
    head = tag("tr", tag("th", "lead", scope="col"), *(tag("th", each, scope="col") for each in names))
    body = []
    for row, lead in enumerate(lead_texts(one["lead_time"])):
        values = one.isel(lead_time=row).values.astype(float)
        finite = values[np.isfinite(values)]
        best = None
        if len(finite) > 1 and name in LOWER | HIGHER:
            best = finite.min() if name in LOWER else finite.max()
        cells = [tag("td", tag("b", _told(value)) if value == best else _told(value)) for value in values]
        body.append(tag("tr", tag("th", lead, scope="row"), *cells))
    return tag("div", tag("table", tag("caption", caption), tag("thead", head), joined(*body)), class_="scroll")


def _told(value: float) -> str:
    return "–" if not np.isfinite(value) else number(value)
