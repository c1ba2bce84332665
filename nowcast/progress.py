"""What long work tells while it runs: on standard error, so that standard output holds results alone."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from functools import cache
from typing import TYPE_CHECKING

from nowcast.errors import printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

__all__ = ["Bar", "bar", "console", "quiet", "tell"]

_silent: ContextVar[bool] = ContextVar("silent", default=False)


@cache
def _stderr() -> Console:
    from rich.console import Console

    return Console(stderr=True, highlight=False)


def console() -> Console:
    """Where progress goes."""
    return _stderr()


def tell(text: str) -> None:
    """Say one thing that was decided or done; nothing within `quiet()`."""
    if not _silent.get():
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
    """One line of progress: how far, what it says beside it, the expected end."""

    def __init__(self, progress: Progress | None, task: int) -> None:
        self._progress = progress
        self._task = task

    @property
    def live(self) -> bool:
        """Whether somebody sees the line move."""
        return self._progress is not None

    def to(self, done: float, total: float | None = None, note: str | None = None) -> None:
        """Set how much is done, of how much, and the text beside it."""
        if self._progress is not None:
            from rich.progress import TaskID

            fields = {} if note is None else {"note": note}
            self._progress.update(TaskID(self._task), completed=done, total=total, **fields)  # type: ignore[arg-type]


@contextlib.contextmanager
def bar(title: str, total: float | None = None) -> Iterator[Bar]:
    """A progress bar on standard error while the block runs; none within `quiet()` or where none could move."""
    if _silent.get() or not console().is_terminal:
        yield Bar(None, 0)
        return
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
        yield Bar(progress, int(progress.add_task(title, total=total, note="")))
