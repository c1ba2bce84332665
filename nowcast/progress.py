"""What long work tells while it runs: on standard error, so that standard output holds results alone.

In a notebook, where standard error stands on red, it goes into the cell's plain text, and the bar is one line of it
that is written anew.
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from functools import cache
from typing import TYPE_CHECKING, Any

from nowcast.errors import printable

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["Bar", "bar", "console", "quiet", "tell"]

_silent: ContextVar[bool] = ContextVar("silent", default=False)

SECONDS_UNSEEN = 0.5
"""What takes less needs no line in a notebook, which keeps the lines that it is shown."""

SECONDS_BETWEEN = 0.2
CELLS = 24
"""Letters of a bar in a notebook."""


@cache
def console() -> Console:
    """Where progress goes."""
    from rich.console import Console

    return Console(stderr=True, highlight=False)


def _in_notebook() -> bool:
    """Whether what is said is seen in a cell of a notebook; never imports what nobody has imported."""
    python = sys.modules.get("IPython")
    shell: Any = None if python is None else python.get_ipython()
    return getattr(shell, "kernel", None) is not None


def tell(text: str) -> None:
    """Say one thing that was decided or done; nothing within `quiet()`."""
    if _silent.get():
        return
    if _in_notebook():
        sys.stdout.write(printable(text) + "\n")
    else:
        console().print(printable(text), markup=False, soft_wrap=True)


@contextlib.contextmanager
def quiet(silent: bool = True) -> Iterator[None]:
    """Within it nothing is told and no bar is shown."""
    token = _silent.set(silent or _silent.get())
    try:
        yield
    finally:
        _silent.reset(token)


class Bar:
    """One line of progress: how far, what it says beside it, the expected end.

    Parameters
    ----------
    show
        Is given how much is done, of how much (None: as it was), and the text beside it (None: as it was); None where
        nobody sees the line.
    """

    def __init__(self, show: Callable[[float, float | None, str | None], object] | None) -> None:
        self._show = show

    @property
    def live(self) -> bool:
        """Whether somebody sees the line move."""
        return self._show is not None

    def to(self, done: float, total: float | None = None, note: str | None = None) -> None:
        """Set how much is done, of how much, and the text beside it."""
        if self._show is not None:
            self._show(done, total, note)


@contextlib.contextmanager
def bar(title: str, total: float | None = None) -> Iterator[Bar]:
    """A progress bar while the block runs; none within `quiet()` or where none could move."""
    if _silent.get():
        yield Bar(None)
    elif _in_notebook():
        line = _Line(title, total)
        yield Bar(line.show)
        line.end()
    elif not console().is_terminal:
        yield Bar(None)
    else:
        with _terminal_bar(title, total) as shown:
            yield shown


@contextlib.contextmanager
def _terminal_bar(title: str, total: float | None) -> Iterator[Bar]:
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    )
    with Progress(*columns, console=console(), transient=True) as progress:
        task = progress.add_task(title, total=total, note="")

        def show(done: float, total: float | None, note: str | None) -> None:
            fields = {} if note is None else {"note": note}
            progress.update(task, completed=done, total=total, **fields)  # type: ignore[arg-type]

        yield Bar(show)


class _Line:
    """A bar as one output of a notebook's cell: it comes once the work has taken a while, and is changed in place."""

    def __init__(self, title: str, total: float | None) -> None:
        self._title, self._total, self._note, self._done = title, total, "", 0.0
        self._begun = time.monotonic()
        self._due = self._begun + SECONDS_UNSEEN
        self._handle: Any = None

    def show(self, done: float, total: float | None, note: str | None) -> None:
        self._done = done
        self._total = self._total if total is None else total
        self._note = self._note if note is None else note
        if time.monotonic() >= self._due:
            self._due = time.monotonic() + SECONDS_BETWEEN
            self._write(self._text())

    def end(self) -> None:
        """What is kept of it: how long it took, and what it said last."""
        if self._handle is not None:
            self._write(f"{self._title:<8} took {_clock(time.monotonic() - self._begun)}  {self._note}".rstrip())

    def _text(self) -> str:
        share = min(1.0, self._done / self._total) if self._total else 0.0
        took = time.monotonic() - self._begun
        full = round(share * CELLS)
        left = f", {_clock(took / share - took)} left" if share > 0 else ""
        drawn = "━" * full + "┄" * (CELLS - full)
        return f"{self._title:<8} {drawn} {share:4.0%}  {_clock(took)}{left}  {self._note}".rstrip()

    def _write(self, text: str) -> None:
        data = {"text/plain": printable(text)}
        if self._handle is None:
            from IPython.display import display

            self._handle = display(data, raw=True, display_id=True)  # type: ignore[no-untyped-call]
        else:
            self._handle.update(data, raw=True)


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
