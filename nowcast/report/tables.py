"""What the terminal shows: a table of scores, and what a cube is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from typing import Any

import numpy as np
import xarray as xr
from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from nowcast.description import Description
from nowcast.errors import printable
from nowcast.report.wording import lead_texts, units_of, with_units

__all__ = [
    "Column",
    "as_text",
    "description_rows",
    "description_table",
    "leads_shown",
    "plain_table",
    "score_columns",
    "score_table",
]

MOST_LEADS = 6
"""Lead times that a terminal shows; the table that is kept has all."""


def as_text(table: Table) -> str:
    """As it is printed in 100 columns without colours; no output of rich's own in a notebook."""
    from rich.console import Console

    console = Console(file=StringIO(), width=100, color_system=None, legacy_windows=False, force_jupyter=False)
    with console.capture() as told:
        console.print(table)
    return "\n".join(line.rstrip() for line in told.get().splitlines())


def score_table(scores: xr.Dataset) -> Table:
    """A row per lead time and forecaster, eighty columns wide at most; of each score the best marked by a star, bold.

    Of many lead times some are shown, the first and the last among them.

    Parameters
    ----------
    scores
        From `nowcast.evaluate`: dims `forecaster, lead_time[, threshold][, scale]`.
    """
    names = [str(name) for name in scores["forecaster"].values]
    columns = score_columns(scores)
    leads = lead_texts(scores["lead_time"])
    shown = leads_shown(scores)
    units = str(scores.attrs.get("units", ""))
    cases = int(scores["cases"].max()) if "cases" in scores else 0
    some = "" if len(shown) == len(leads) else f" at {len(shown)} of {len(leads)} lead times"
    events = f"; CSI, FSS (side in pixels): at thresholds in{units_of(scores) or ' the units of the field'}"
    caption = f"*: the best of {cases} forecast(s){some}{events if 'threshold' in scores.dims else ''}"
    table = Table(
        title=escape(printable(with_units(str(scores.attrs.get("variable", "")), units))),
        caption=escape(printable(caption)),
        title_justify="left",
        caption_justify="left",
        box=SIMPLE_HEAD,
        padding=0,
        pad_edge=False,
    )
    table.add_column("lead", justify="right", no_wrap=True)
    table.add_column("forecaster", overflow="ellipsis", no_wrap=True)
    for column in columns:
        table.add_column(column.title, justify="right", no_wrap=True)
    for row in shown:
        texts = [
            [f"[bold]{text}*[/bold]" if best else f"{text} " for text, best in column.cells(row)] for column in columns
        ]
        for place, name in enumerate(names):
            cells = (each[place] for each in texts)
            table.add_row("" if place else leads[row], escape(printable(name)), *cells)
    return table


def leads_shown(scores: xr.Dataset) -> list[int]:
    """Which lead times are shown where all would be too many: few, the first and the last among them."""
    count = scores.sizes["lead_time"]
    return sorted({round(at) for at in np.linspace(0, count - 1, min(count, MOST_LEADS))})


@dataclass(frozen=True)
class Column:
    """One score: its head, its values by forecaster and lead time, whether more of it is better, and its numbers."""

    title: str
    values: xr.DataArray
    higher: bool
    form: str = ".3g"

    def cells(self, row: int) -> list[tuple[str, bool]]:
        """The number of each forecaster at one lead time, and whether it is the best of several."""
        numbers = [float(value) for value in self.values.isel(lead_time=row)]
        finite = {number for number in numbers if np.isfinite(number)}
        best = (max(finite) if self.higher else min(finite)) if len(finite) > 1 else None
        return [(self._number(number), number == best) for number in numbers]

    def _number(self, value: float) -> str:
        if not np.isfinite(value):
            return "–"
        return f"{value:.0f}" if abs(value) >= 100 else f"{value + 0.0:{self.form}}".replace("-0.000", "0.000")


def score_columns(scores: xr.Dataset) -> list[Column]:
    """The scores that are told first."""
    columns = [
        Column("MSE", scores["mse"], False),
        Column("MAE", scores["mae"], False),
        Column("PSNR", scores["psnr"], True, ".1f"),
        Column("SSIM", scores["ssim"], True, ".3f"),
    ]
    if "threshold" in scores.dims:
        levels = scores["threshold"].values[1:3] if scores.sizes["threshold"] > 2 else scores["threshold"].values
        columns += [Column(f"CSI\n≥ {level:g}", scores["csi"].sel(threshold=level), True, ".3f") for level in levels]
        scale = scores["scale"].values[min(2, scores.sizes["scale"] - 1)]
        fss = scores["fss"].sel(threshold=levels[0], scale=scale)
        columns.append(Column(f"FSS {scale}\n≥ {levels[0]:g}", fss, True, ".3f"))
    return columns


def plain_table(rows: Sequence[Mapping[str, Any]], *, title: str) -> Table:
    """Rows as they are, a column for each key; floats to three digits, nothing where there is none."""
    table = Table(title=escape(title), title_justify="left", box=SIMPLE_HEAD, padding=0, pad_edge=False)
    keys = list(dict.fromkeys(key for row in rows for key in row))
    for key in keys:
        table.add_column(escape(key.replace("_", " ")), justify="right")
    for row in rows:
        table.add_row(*(_cell(row.get(key)) for key in keys))
    return table


def _cell(value: Any) -> str:
    return "" if value is None else f"{value:.3g}" if isinstance(value, float) else escape(printable(str(value)))


def description_table(description: Description, plan: Mapping[str, Any]) -> Table:
    """What `nowcast inspect` prints: what the cube is, and what `nowcast fit` would do with it."""
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, text in description_rows(description, plan):
        table.add_row(name, escape(printable(text)))
    return table


def description_rows(description: Description, plan: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Names and texts of what a cube is, `beware` before each warning, `fit would` before each part of the plan."""
    step = description.time_step_seconds
    pixel = description.pixel_size
    return [
        ("variable", f"{description.variable}  {description.long_name or ''}"),
        ("units", description.units or "none stated"),
        ("shape", ", ".join(f"{n} {d}" for d, n in zip(description.dims, description.shape, strict=True))),
        ("stored as", f"{description.dtype}, {description.bytes / 1e6:.1f} MB decoded, chunks {_sizes(description)}"),
        ("time", f"{description.time_start} to {description.time_end} UTC"),
        ("time step", "one frame" if step is None else f"{step:g} s"),
        ("gaps", _gaps(description)),
        ("sequences", str(description.sequences)),
        ("projection", description.crs or "none stated"),
        ("pixel", f"{pixel['y']:g} x {pixel['x']:g} {pixel['units'] or ''}" if pixel else "unknown"),
        ("missing", f"{description.missing_fraction:.2%} of the pixels"),
        ("values", _values(description)),
        *(("beware", warning) for warning in description.warnings),
        *(("fit would", line) for line in _plan_lines(plan)),
    ]


def _sizes(description: Description) -> str:
    chunks = description.chunks
    return "none" if chunks is None else " x ".join(str(size) for size in chunks.values())


def _gaps(description: Description) -> str:
    if not description.gaps:
        return "none"
    first = description.gaps[0]
    return f"{len(description.gaps)}; the first after {first['after']}, {first['seconds']:g} s long"


def _values(description: Description) -> str:
    if description.min is None:
        return "none"
    spread = ", ".join(f"{float(share):.1%}: {value:.4g}" for share, value in description.quantiles.items())
    return f"{description.min:.4g} to {description.max:.4g}; {description.zero_fraction:.1%} zeros; {spread}"


def _plan_lines(plan: Mapping[str, Any]) -> list[str]:
    if "refused" in plan:
        return [f"refuse: {plan['refused']}"]
    frames = ", ".join(f"{count} {name}" for name, count in plan["frames"].items())
    return [
        f"take {plan['context']} frames in and {plan['horizon']} out",
        f"cut time into {frames} frames, {plan['embargo_frames']} unused between",
        f"scale by {plan['scaling']}",
    ]
