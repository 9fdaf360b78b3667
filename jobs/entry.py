"""Where the command begins: a signal ends it with its exit code before anything is imported that takes time."""

import os
import signal
from types import FrameType


def main() -> None:
    """Run the command line. Until that handles signals itself, there is nothing to clean up."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _exit)
    from jobs.cli import main as run

    run()


def _exit(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
    os._exit(128 + number)
