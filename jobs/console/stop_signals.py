"""SIGINT, SIGTERM and SIGHUP: the first stops the command, and no number of them keeps it from cleaning up."""

import os
import signal
import sys
import time
from contextlib import suppress
from types import FrameType

from jobs.console.exit_codes import Terminated

_STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_PATIENCE_S = 10.0  # to let go of the lease and the workers takes 3 s at most; what takes longer hangs


class StopSignals:
    """Turns the first signal into an exception; of the later ones, one ends a clean-up that hangs."""

    def __init__(self) -> None:
        self._stopped_at: float | None = None
        self._exit_code = 0
        self._is_over = False

    def install(self) -> None:
        """Handle them, but for those that are ignored already: by `nohup`, or in the background of a script."""
        for number in _STOPS:
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self)

    def are_stopping(self) -> bool:
        """Whether the process ends because of one."""
        return self._stopped_at is not None

    def expect_another(self) -> None:
        """Take the next signal as a first one again: the user is asked a question."""
        self._stopped_at = None

    def __call__(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002
        """Handle a signal."""
        if self._is_over:
            os._exit(128 + number)
        if self._stopped_at is None:
            self._stopped_at, self._exit_code = time.monotonic(), 128 + number
            raise KeyboardInterrupt if number == signal.SIGINT else Terminated(number)
        if time.monotonic() - self._stopped_at > _PATIENCE_S:
            os._exit(self._exit_code)

    def leave(self) -> None:
        """End a stopped process: all is cleaned up, and what libraries do last takes seconds, or crashes.

        A process that was not stopped goes on to its end, which a signal makes come at once.
        """
        self._is_over = True
        if self._stopped_at is not None:
            for stream in (sys.stdout, sys.stderr):
                with suppress(Exception):
                    stream.flush()
            os._exit(self._exit_code)


stop_signals = StopSignals()  # of this process, as signal handlers are
