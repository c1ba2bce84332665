"""A run's folder, or a table of scores, to a page for the browser; and of a run, to a card that is read as text."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

import xarray as xr

from nowcast import model_file
from nowcast.atomic import write_text
from nowcast.errors import InputError
from nowcast.progress import quiet, tell
from nowcast.report.known import Known, Part
from nowcast.report.pages.model_card import model_card
from nowcast.report.pages.page import page
from nowcast.run import folder
from nowcast.run.folder.known import made_by, told_by
from nowcast.run.folder.tables import checked, scores_from

__all__ = ["report", "write_model_card"]

PAGE = "report.html"


def report(
    source: xr.Dataset | str | os.PathLike[str],
    out: str | os.PathLike[str] | None = None,
    *,
    progress: bool = True,
) -> Path:
    """Write one self-contained HTML page: verdict, scores, cases, and what was trained on what.

    Parameters
    ----------
    source
        A run's folder; or scores, or the path of them, as `nowcast.evaluate` gives them: then what only the run knows
        is left out.
    out
        The page; None: `report.html` in the run's folder, or beside the scores.

    Returns
    -------
    pathlib.Path
        The page.

    Raises
    ------
    InputError
        No such folder or file, a run that was not scored yet though it has a test part, or a file without scores.
    MachineError
        The disk is full, or the place may not be written.
    """
    with quiet(not progress):
        if isinstance(source, xr.Dataset):
            place, made = Path(PAGE if out is None else out), _from_scores(source, "Scores", None)
        else:
            path = Path(source)
            if path.is_dir() and path.suffix != ".zarr":
                place, made = Path(path / PAGE if out is None else out), _of_run(path)
            else:
                place = Path(path.with_suffix(".html") if out is None else out)
                made = _from_scores(scores_from(path), path.stem, path)
        if place.suffix not in (".html", ".htm"):
            raise InputError(
                f"{place}: a report is a page", needed="'.html'", next_step=f"-o {place.with_suffix('.html')}"
            )
        write_text(place, made)
        tell(f"report   {place} ({place.stat().st_size / 1e6:.1f} MB)")
        return place


def _of_run(run: Path) -> str:
    try:
        return page(*told_by(run))
    except (TypeError, ValueError, LookupError, AttributeError, ArithmeticError) as error:
        raise InputError(
            f"{run}: its files do not hold what a run writes; no page was made",
            found=f"{type(error).__name__}: {error}"[:200],
            next_step="score it anew: nowcast fit PATH --resume --run RUN",
        ) from error


def _from_scores(scores: xr.Dataset, title: str, path: Path | None) -> str:
    commands = [] if path is None else [f"nowcast report {shlex.quote(str(path))}"]
    variable = str(scores.attrs.get("variable", "")).replace("_", " ")
    title = f"{title}: {variable}" if variable else title
    return page(title, [Part(checked(scores, path))], Known(commands=commands, made=made_by(scores)))


def write_model_card(run: Path) -> Path:
    """Write `model_card.md` into a run's folder, from what lies there after scoring.

    Raises
    ------
    MachineError
        The disk is full, or the place may not be written.
    """
    card = model_file.load_card(run / folder.MODEL)
    text = model_card(*told_by(run), card, settings=(run / folder.CONFIG).read_text("utf-8"))
    write_text(run / folder.MODEL_CARD, text)
    return run / folder.MODEL_CARD
