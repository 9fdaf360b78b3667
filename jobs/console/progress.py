"""Show a job's progress: a bar on a terminal and in a notebook, elsewhere a line every few seconds."""

import time

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn

from jobs.console.bar import Bar
from scoring.run.wording import plural

_SECONDS_PER_LINE = 5.0


class ScoringProgress(Bar):
    """Counts images and errors while shards come in; a context manager.

    Args:
        console: Where to show it.
        num_images: How many there are in all.
        num_done: How many an earlier run has scored.
        num_errors: How many of these are errors.
        embeds: Whether what is made of images are vectors.
    """

    def __init__(
        self, console: Console, num_images: int, num_done: int, num_errors: int = 0, embeds: bool = False
    ) -> None:
        super().__init__(
            console,
            TextColumn("embedding" if embeds else "scoring"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("images  {task.fields[rate]:.1f}/s  left"),
            TimeRemainingColumn(elapsed_when_finished=False),
            TextColumn(" errors {task.fields[errors]}"),
            total=num_images,
            done=num_done,
            rate=0.0,
            errors=num_errors,
        )
        self._console = console
        self._num_images = num_images
        self._num_done = self._num_done_before = num_done
        self._num_errors = num_errors
        self._done = "embedded" if embeds else "scored"
        self._started = self._last_line = time.monotonic()

    def add(self, num_images: int, num_errors: int) -> None:
        """Count a shard that came in."""
        self._num_done += num_images
        self._num_errors += num_errors
        rate = self._rate()
        self.show(self._num_done, rate=rate, errors=self._num_errors)
        if not self._console.is_terminal and not self._console.is_jupyter and self._line_is_due():
            left = f"{(self._num_images - self._num_done) / rate:.0f} s left, " if rate else ""
            self._console.print(
                f"{self._done} {self._num_done} of {self._num_images} images, {rate:.1f}/s, {left}"
                + plural(self._num_errors, "error")
            )

    def _rate(self) -> float:
        return (self._num_done - self._num_done_before) / max(time.monotonic() - self._started, 1e-9)

    def _line_is_due(self) -> bool:
        now = time.monotonic()
        if now - self._last_line < _SECONDS_PER_LINE and self._num_done < self._num_images:
            return False
        self._last_line = now
        return True
