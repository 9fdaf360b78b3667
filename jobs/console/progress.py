"""Show a job's progress: a bar on a terminal, elsewhere a line every few seconds."""

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

_SECONDS_PER_LINE = 5.0


class ScoringProgress:
    """Counts images and errors while shards come in; a context manager.

    Args:
        console: Where to show it.
        num_images: How many there are in all.
        num_done: How many an earlier run has scored.
    """

    def __init__(self, console: Console, num_images: int, num_done: int) -> None:
        self._console = console
        self._num_images = num_images
        self._num_done = self._num_done_before = num_done
        self._num_errors = 0
        self._started = self._last_line = time.monotonic()
        self._bar = Progress(
            TextColumn("scoring"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("images  {task.fields[rate]:.1f}/s  left"),
            TimeRemainingColumn(elapsed_when_finished=False),
            TextColumn(" errors {task.fields[errors]}"),
            console=console,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("scoring", total=num_images, completed=num_done, rate=0.0, errors=0)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._bar.stop()

    def add(self, num_images: int, num_errors: int) -> None:
        """Count a shard that came in."""
        self._num_done += num_images
        self._num_errors += num_errors
        rate = self._rate()
        self._bar.update(self._task, completed=self._num_done, rate=rate, errors=self._num_errors)
        if not self._console.is_terminal and self._line_is_due():
            left_s = (self._num_images - self._num_done) / rate
            self._console.print(
                f"scored {self._num_done} of {self._num_images} images, {rate:.1f}/s, {left_s:.0f} s left, "
                f"{self._num_errors} errors"
            )

    def _rate(self) -> float:
        return (self._num_done - self._num_done_before) / max(time.monotonic() - self._started, 1e-9)

    def _line_is_due(self) -> bool:
        now = time.monotonic()
        if now - self._last_line < _SECONDS_PER_LINE and self._num_done < self._num_images:
            return False
        self._last_line = now
        return True
