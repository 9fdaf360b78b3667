"""A progress bar on a terminal and in a notebook; nowhere else, where it would fill a log."""

import time
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import Progress, ProgressColumn

_NOTEBOOK_S = 0.2  # between two pictures of the bar


class Bar:
    """Shows how much of something is done; a context manager.

    A notebook shows it below the cell, even on a quiet console: the bar is no message. Rich's own way there needs
    ipywidgets; IPython's display needs nothing more.

    Args:
        console: Where to show it.
        columns: What it consists of.
        total: When it is full.
        done: What an earlier call did.
        fields: What the columns show beside it.
    """

    def __init__(self, console: Console, *columns: ProgressColumn, total: int, done: int = 0, **fields: Any) -> None:
        self._progress = Progress(*columns, console=console)
        self._on_terminal = console.is_terminal
        self._task = self._progress.add_task("", total=total, completed=done, **fields)
        self._in_notebook = console.is_jupyter
        self._picture: Any = None
        self._drawn = 0.0

    def __enter__(self) -> Self:
        if self._on_terminal:
            self._progress.start()
        if self._in_notebook:
            from IPython import display

            show: Any = display.display  # untyped
            self._picture = show(self._table(), display_id=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._on_terminal:
            self._progress.stop()
        if self._picture:
            self._picture.update(self._table())

    def show(self, done: int, **fields: Any) -> None:
        """Show that so much is done."""
        self._progress.update(self._task, completed=done, **fields)
        if self._picture and time.monotonic() - self._drawn > _NOTEBOOK_S:
            self._drawn = time.monotonic()
            self._picture.update(self._table())

    def _table(self) -> Any:
        return self._progress.make_tasks_table(self._progress.tasks)
