"""The card of a trained model, as Markdown: what it forecasts, from what, how well, within what limits.

After Mitchell et al. 2019, doi:10.1145/3287560.3287596.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from nowcast import verification
from nowcast.errors import printable
from nowcast.model_file import Card
from nowcast.report.charts import moment, split_told
from nowcast.report.known import Known, Part, sentences
from nowcast.sizes import duration

__all__ = ["model_card"]

ABOUT = ("source", "licence of the data", "fingerprint", "training time", "grid", "scaling", "absent frames")
"""Facts about the data; others are about how the model was made."""

AGAINST = {"mse": ("MSE, times that of", "times"), "csi": ("CSI, less that of", "")}


def model_card(title: str, parts: Sequence[Part], known: Known, card: Card, *, settings: str) -> str:
    """The card as one Markdown text.

    Parameters
    ----------
    title, parts, known
        As of the page: see `nowcast.report.pages.page.page`.
    card
        What the model's file says of it.
    settings
        The resolved configuration, as YAML.
    """
    first = next((part.scores for part in parts if part.scores is not None), None)
    blocks = [f"# {_plain(title)}", _forecasts(card, known), "## Verdict", _listed(sentences(first))]
    for number, part in enumerate(parts, 1):
        if part.scores is not None:
            blocks += _scores(part.scores, f", cube {number}" if len(parts) > 1 else "")
    blocks += ["## Trained on", _table(("", ""), [(n, known.facts[n]) for n in ABOUT if n in known.facts])]
    for number, part in enumerate(parts, 1):
        if part.audit is not None:
            blocks += _split(part.audit, f"Cube {number}: " if len(parts) > 1 else "")
    blocks += ["## Intended use, and limits", _listed(_limits(card, first))]
    rest = [(name, text) for name, text in known.facts.items() if name not in ABOUT]
    blocks += ["## How it was made", _table(("", ""), rest), f"```yaml\n{settings.strip()}\n```"]
    blocks += ["## To have the same again", "```sh\n" + "\n".join(known.commands) + "\n```"]
    return "\n\n".join(blocks) + "\n"


def _forecasts(card: Card, known: Known) -> str:
    step = card.time_step_seconds
    text = f"Forecasts the next {card.horizon} frames ({duration(card.horizon * step)}) of {card.variable} "
    text += f"({card.units or 'no units'}) from the {card.context} before them ({duration(card.context * step)}), "
    text += f"one every {duration(step)}, on pixels of {known.facts.get('grid', 'unknown size')}. "
    told = "a mean, and chances to reach thresholds" if card.keywords.get("exceedance") else "one field"
    return _plain(f"{text}Of each pixel and lead time it tells {told}.")


def _scores(scores: xr.Dataset, of: str) -> list[str]:
    """How it stands to each baseline, a row for each lead time, as the verdict has it: with intervals where known."""
    told = verification.verdict(scores)
    standings = told["standings"]
    columns = list(dict.fromkeys((each["score"], each["against"]) for each in standings))
    if not columns:
        return []
    name, units = told["model"], "" if told["units"] == "1" else told["units"]
    own = [score for score in ("mse", "csi") if score in scores]
    level = {"threshold": told["threshold"]} if told["threshold"] is not None else {}
    heads = ["lead", *(score.upper() for score in own), *(f"{AGAINST[s][0]} {against}" for s, against in columns)]
    rows = []
    mine = [_of(scores[score], level).sel(forecaster=name) for score in own]
    for at, lead in enumerate((scores["lead_time"].values / np.timedelta64(1, "s")).tolist()):
        if not any(each["lead_seconds"] == lead for each in standings):
            continue
        ours = [f"{float(values.isel(lead_time=at)):.3g}" for values in mine]
        held = {(s["score"], s["against"]): s for s in standings if s["lead_seconds"] == lead}
        rows.append([duration(lead), *ours, *(_standing(held.get(column)) for column in columns)])
    note = f"MSE in ({units})²; " if units else ""
    note += f"CSI of values of {told['threshold']:g} {units}".rstrip() + " or more; " if level else ""
    note += f"{told['reference_times']} starting times"
    known = told["blocks"] and any(each["low"] is not None for each in standings)
    note += f"; in brackets intervals of {told['level']:.0%}, from {told['blocks']} blocks of them" if known else ""
    return [f"## Scores on the test part{of}", _table(heads, rows), _plain(note) + "."]


def _of(values: xr.DataArray, level: Mapping[str, Any]) -> xr.DataArray:
    return values.sel(level) if "threshold" in values.dims else values


def _standing(each: Mapping[str, Any] | None) -> str:
    if each is None or each["value"] is None:
        return "–"
    text = f"{each['value']:.2f}"
    return text if each["low"] is None else f"{text} ({each['low']:.2f} to {each['high']:.2f})"


def _split(audit: Mapping[str, Any], of: str) -> list[str]:
    parts = audit["parts"].items()
    rows = [(name, moment(part.get("first")), moment(part.get("last")), part.get("frames", "")) for name, part in parts]
    return [_table(("part", "first", "last", "frames"), rows), _plain(of + split_told(audit))]


def _limits(card: Card, scores: xr.Dataset | None) -> list[str]:
    found = [
        f"For {card.variable} in {card.units or 'the same units'}, at the same time step and on pixels of the same "
        "size: nowcast refuses other cubes. Another place, season or instrument it does not notice.",
        "What is rarer or stronger than all that it was trained on it has never seen, and will not forecast.",
        "A mean over what may happen gets smoother, and its extremes weaker, the longer the lead time.",
        "It is no warning. Where lives or property are at stake, ask the service whose task that is.",
    ]
    if scores is None:
        return ["It was never scored: no part of the data was kept for that.", *found]
    ends = [str(scores.attrs.get(f"{end}_reference_time", ""))[:16].replace("T", " ") for end in ("first", "last")]
    span = f", from {ends[0]} to {ends[1]} UTC" if all(ends) else ""
    count = int(scores["cases"].max()) if "cases" in scores else "some"
    return [f"How good it is was seen on {count} starting times{span}, and on nothing else.", *found]


def _listed(lines: Iterable[str]) -> str:
    return "\n".join(f"- {_plain(line)}" for line in lines)


def _table(heads: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(_cell(cell) for cell in line)} |" for line in lines)


def _cell(value: Any) -> str:
    return _plain(str(value)).replace("|", "\\|")


def _plain(text: str) -> str:
    """In one line, without what would steer a terminal or a browser."""
    return " ".join(printable(text).split()).replace("<", "&lt;")
