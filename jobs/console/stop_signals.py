"""SIGINT, SIGTERM and SIGHUP: the first stops the command, and no number of them keeps it from cleaning up."""

import atexit
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

    def install(self) -> None:
        """Handle them, but for those that are ignored already: by `nohup`, or in the background of a script."""
        for number in _STOPS:
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self)
        atexit.register(self._leave)  # before Ray registers what it does: what comes first is called last

    def expect_another(self) -> None:
        """Take the next signal as a first one again: the user is asked a question."""
        self._stopped_at = None

    def __call__(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002
        """Handle a signal."""
        if self._stopped_at is None:
            self._stopped_at, self._exit_code = time.monotonic(), 128 + number
            raise KeyboardInterrupt if number == signal.SIGINT else Terminated(number)
        if time.monotonic() - self._stopped_at > _PATIENCE_S:
            os._exit(self._exit_code)

    def _leave(self) -> None:
        """End a stopped process when all is cleaned up: threads of libraries may crash what Python does last."""
        if self._stopped_at is not None:
            for stream in (sys.stdout, sys.stderr):
                with suppress(Exception):
                    stream.flush()
            os._exit(self._exit_code)


stop_signals = StopSignals()  # of this process, as signal handlers are
