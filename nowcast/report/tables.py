"""What the terminal shows: a table of scores, and what a cube is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from rich.markup import escape
from rich.table import Table

from nowcast.description import Description
from nowcast.errors import printable
from nowcast.report.wording import lead_texts

__all__ = ["description_table", "score_table"]


def score_table(scores: xr.Dataset) -> Table:
    """One row per lead time; for each score the model beside the baselines, the better one bold.

    Parameters
    ----------
    scores
        From `nowcast.evaluate`: dims `forecaster, lead_time[, threshold][, scale]`.
    """
    names = [str(name) for name in scores["forecaster"].values]
    columns = [(name.upper(), scores[name], name not in {"mse", "mae"}) for name in ("mse", "mae", "psnr", "ssim")]
    units = escape(printable(str(scores.attrs.get("units", ""))))
    if "threshold" in scores.dims:
        levels = scores["threshold"].values[1:3] if scores.sizes["threshold"] > 2 else scores["threshold"].values
        columns += [(f"CSI ≥ {value:g}", scores["csi"].sel(threshold=value), True) for value in levels]
        middle = levels[0]
        scale = scores["scale"].values[min(2, scores.sizes["scale"] - 1)]
        columns.append((f"FSS ≥ {middle:g}, {scale} px", scores["fss"].sel(threshold=middle, scale=scale), True))
    cases = int(scores["cases"].max()) if "cases" in scores else 0
    table = Table(
        title=f"{escape(printable(str(scores.attrs.get('variable', ''))))} ({units}): {' | '.join(names)}",
        caption=f"{cases} forecast(s); the better one bold; CSI and FSS thresholds in {units or 'the field`s units'}",
        title_justify="left",
        caption_justify="left",
    )
    table.add_column("lead", justify="right")
    for title, _, _ in columns:
        table.add_column(title, justify="right")
    for row, lead in enumerate(lead_texts(scores["lead_time"])):
        cells = []
        for _, values, higher in columns:
            numbers = [float(values.isel(lead_time=row).sel(forecaster=name)) for name in names]
            finite = [number for number in numbers if np.isfinite(number)]
            best = (max(finite) if higher else min(finite)) if len(finite) > 1 else None
            texts = [_number(number) for number in numbers]
            cells.append(
                " | ".join(
                    f"[bold]{text}[/bold]" if number == best else text
                    for text, number in zip(texts, numbers, strict=True)
                )
            )
        table.add_row(lead, *cells)
    return table


def description_table(description: Description, plan: Mapping[str, Any]) -> Table:
    """What `nowcast inspect` prints: what the cube is, and what `nowcast fit` would do with it."""
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    step = description.time_step_seconds
    pixel = description.pixel_size
    rows = [
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
    for name, text in rows:
        table.add_row(name, escape(printable(text)))
    return table


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


def _number(value: float) -> str:
    return "–" if np.isnan(value) else f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"
