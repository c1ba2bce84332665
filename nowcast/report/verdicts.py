"""Verdicts in words: what is lost comes first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from nowcast import verification
from nowcast.errors import printable
from nowcast.verification.verdict import WORDS

__all__ = ["losses", "verdict"]

HEADS = {
    "worse": "{model} loses to {against}",
    "behind": "{model} is behind {against}, on too few starting times to be sure",
    "not told apart": "{model} and {against} are not told apart",
    "ahead": "{model} is ahead of {against}, on too few starting times to be sure",
    "better": "{model} beats {against}",
}

UNTRAINED = ("advection", "persistence", "pysteps", "steps")
"""Baselines that `nowcast forecast --model` makes, where a model is worse than they are."""


def verdict(scores: xr.Dataset) -> str:
    """To whom the model loses, from whom it is not told apart, whom it beats: a line each, with the lead times.

    Parameters
    ----------
    scores
        From `nowcast.evaluate` or `nowcast.fit`.

    Returns
    -------
    str
        Sentences, without the last one's full stop; of squared error and of CSI at the main threshold, with the outer
        ends of the intervals where there are any.
    """
    plain = verification.verdict(scores)
    step = float(np.diff(scores["lead_time"].values, prepend=np.timedelta64(0, "ns")).min() / np.timedelta64(1, "s"))
    lines = []
    for word in WORDS:
        for against in dict.fromkeys(each["against"] for each in plain["standings"]):
            said = [each for each in plain["standings"] if (each["against"], each["word"]) == (against, word)]
            parts = [
                _compared([each for each in said if each["score"] == score], score, plain, step=step)
                for score in ("mse", "csi")
                # The mean of many times reaches no threshold: there is nothing to beat.
                if any(each["score"] == score for each in said) and (score, against) != ("csi", "climatology")
            ]
            if parts:
                lines.append(f"{HEADS[word].format(model=plain['model'], against=against)}: {'; '.join(parts)}")
    if not lines:
        return f"{plain['model']}: nothing to compare it with"
    if plain["blocks"] and any(each["low"] is not None for each in plain["standings"]):
        blocks = f"{plain['blocks']} blocks of {plain['reference_times']} starting times"
        lines.append(f"Intervals of {plain['level']:.0%} by resampling {blocks}")
    return printable(".\n".join(lines))


def losses(record: Mapping[str, Any], *, step: float) -> list[str]:
    """What a model file remembers of what its model lost, a sentence for each baseline; none where it lost nothing.

    Parameters
    ----------
    record
        From `nowcast.verification.record`.
    step
        Seconds of a time step.
    """
    lines = []
    for against in dict.fromkeys(each["against"] for each in record.get("lost", ())):
        for sure in (True, False):
            told = [
                f"{_title(each['score'], record)} at {_leads(each['lead_seconds'], step=step)}"
                for each in record["lost"]
                if (each["against"], each["sure"]) == (against, sure)
                and (each["score"], against) != ("csi", "climatology")
            ]
            if not told:
                continue
            times = f"{record['reference_times']} starting time(s){'' if sure else ', too few to be sure'}"
            how = "lost to" if sure else "was behind"
            instead = f"; nowcast forecast --model {against} needs no training" if against in UNTRAINED else ""
            lines.append(f"this model {how} {against} on its test part ({times}): {', '.join(told)}{instead}")
    return [printable(line) for line in lines]


def _compared(said: Sequence[Mapping[str, Any]], score: str, plain: Mapping[str, Any], *, step: float) -> str:
    """One score at the lead times that the same is said of."""
    values = [each["value"] if each["value"] is not None else np.inf for each in said]
    ends = [end for each in said for end in (each["low"], each["high"]) if end is not None]
    lower = said[0]["word"] in ("worse", "behind")
    if score == "mse":
        text = f"{_title(score, plain)} {_range(values)} times its"
    elif said[0]["word"] == "not told apart":
        text = f"{_title(score, plain)} different by {_range(values)}"
    else:
        sign = -1 if lower else 1
        values, ends = [sign * value for value in values], [sign * end for end in ends]
        text = f"{_title(score, plain)} {'lower' if lower else 'higher'} by {_range(values)}"
    if ends:
        text += f" ({'intervals within' if len(said) > 1 else 'interval'} {_range(ends)})"
    return f"{text} at {_leads([each['lead_seconds'] for each in said], step=step)}"


def _title(score: str, plain: Mapping[str, Any]) -> str:
    units = "" if plain["units"] == "1" else plain["units"]
    return "MSE" if score == "mse" else f"CSI ≥ {plain['threshold']:g} {units}".rstrip()


def _range(values: Sequence[float]) -> str:
    low, high = (f"{value:.2f}" if abs(value) < 100 else f"{value:.0f}" for value in (min(values), max(values)))
    return low if low == high else f"{low} to {high}"


def _leads(seconds: Sequence[float], *, step: float) -> str:
    """Lead times as people say them: three and more in a row from the first to the last."""
    unit, name = (60, "min") if all(value % 60 == 0 for value in seconds) else (1, "s")
    rows: list[list[float]] = []
    for value in sorted(seconds):
        if rows and value - rows[-1][-1] <= 1.01 * step:
            rows[-1].append(value)
        else:
            rows.append([value])
    texts = []
    for row in rows:
        told = [f"{value / unit:g}" for value in row]
        texts += [f"{told[0]} to {told[-1]}"] if len(told) > 2 else told
    return (", ".join(texts[:-1]) + " and " if len(texts) > 1 else "") + f"{texts[-1]} {name}"
