"""How time was shared out to training, validation and test: as a line, and in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nowcast.report.markup import Markup, tag

__all__ = ["moment", "split_line", "split_told"]

WIDTH, BAR, TOP = 440, 26, 24
NAMED = 68
"""Pixels that a part's name needs."""

MOST_RUNS = 400


def split_line(audit: Mapping[str, Any], *, number: int = 1) -> Markup:
    """The parts along the frames, to scale; between them what no part has.

    Parameters
    ----------
    audit
        What `split.json` holds.
    number
        Which of several drawings on a page it is.
    """
    parts = {str(name): part["runs"] for name, part in audit["parts"].items() if part["runs"]}
    if not parts:
        return Markup("")
    end = max(stop for runs in parts.values() for _, stop in runs)
    alt = "Frames " + ", ".join(f"{name} {_frames(runs)}" for name, runs in parts.items())
    hatched = f"url(#hatch-{number})"
    drawn = [tag("title", alt), tag("rect", x=0, y=TOP, width=WIDTH, height=BAR, class_="unused", fill=hatched)]
    for style, runs in enumerate(parts.values()):
        for start, stop in _merged(runs, end):
            left, width = WIDTH * start / end, max(1.5, WIDTH * (stop - start) / end)
            drawn.append(tag("rect", x=left, y=TOP, width=width, height=BAR, class_=f"part p{style}"))
    for name, middle in _apart(parts, end):
        drawn.append(tag("text", name, x=middle, y=TOP - 8.0, text_anchor="middle", class_="part-name"))
    frames = f"frame 0 to {end - 1}; hatched: in no part"
    drawn.append(tag("text", frames, x=0, y=TOP + BAR + 16.0, class_="tick"))
    hatch = tag(
        "defs",
        tag(
            "pattern",
            tag("path", d="M-2,2l4,-4M0,8l8,-8M6,10l4,-4", class_="hatch"),
            id=f"hatch-{number}",
            width=8,
            height=8,
            patternUnits="userSpaceOnUse",
        ),
    )
    height = TOP + BAR + 22
    return tag("svg", hatch, *drawn, viewBox=f"0 0 {WIDTH} {height}", role="img", aria_label=alt, class_="line-of-time")


def split_told(audit: Mapping[str, Any]) -> str:
    """What kept the parts apart, and where statistics are from, in sentences; `audit` as of `split_line`."""
    text = f"Split by {audit.get('split_by', 'time')}; {audit.get('embargo_frames', '?')} frames are left out "
    text += f"between parts; {audit.get('shared_frames', '?')} frames are in two parts. Statistics, such as those of "
    text += "the scaling, are those of the training part"
    times = [moment(time) for time in audit.get("statistics_times", ()) if time is not None]
    return text + (f", {' to '.join(times)}." if times else ".")


def moment(text: Any) -> str:
    """A time without what is zero of it; of an empty part there is none."""
    return "none" if text is None else str(text).replace("T", " ").removesuffix(":00")


def _apart(parts: Mapping[str, Sequence[Sequence[int]]], end: int) -> list[tuple[str, float]]:
    """Where names are written: over the longest run of each part, and beside each other."""
    longest = {name: max(runs, key=lambda run: int(run[1]) - int(run[0])) for name, runs in parts.items()}
    middles = sorted((WIDTH * (run[0] + run[1]) / 2 / end, name) for name, run in longest.items())
    places: list[float] = []
    for middle, _ in middles:
        places.append(max(middle, NAMED / 2, places[-1] + NAMED if places else 0.0))
    limit = WIDTH - NAMED / 2
    for index in range(len(places) - 1, -1, -1):
        places[index] = min(places[index], limit)
        limit = places[index] - NAMED
    return [(name, place) for (_, name), place in zip(middles, places, strict=True)]


def _merged(runs: Sequence[Sequence[int]], end: int) -> list[tuple[int, int]]:
    """Runs between which there is nothing that could be seen are drawn as one."""
    found: list[tuple[int, int]] = []
    for start, stop in runs:
        if found and (start - found[-1][1]) * MOST_RUNS < end:
            found[-1] = found[-1][0], int(stop)
        else:
            found.append((int(start), int(stop)))
    return found


def _frames(runs: Sequence[Sequence[int]]) -> str:
    return f"{runs[0][0]} to {runs[-1][1] - 1}"
