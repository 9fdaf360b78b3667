"""Where the command begins: a signal ends it with its exit code before anything is imported that takes time."""

import os
import signal
from types import FrameType


def main() -> None:
    """Run the command line. Until a command's work begins, there is nothing to clean up."""
    end_by_signals()
    # A notebook's commands have its own, which matplotlib, and so Keras, refuses where another environment lacks it.
    os.environ.pop("MPLBACKEND", None)
    from jobs.cli import main as run

    run()


def end_by_signals() -> None:
    """Let each signal that stops a command end it at once. What Python does before this line is not ours."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _exit)


def _exit(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
    os._exit(128 + number)
