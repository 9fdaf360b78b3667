"""Where the command begins: a signal ends it with its exit code before anything is imported that takes time."""

import os
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import TextIO


def main() -> None:
    """Run the command line. Until a command's work begins, there is nothing to clean up."""
    end_by_signals()
    open_closed_streams()
    # A notebook's commands have its own, which matplotlib refuses where another environment lacks it.
    os.environ.pop("MPLBACKEND", None)
    if "NO_COLOR" in os.environ or not sys.stdout.isatty():
        os.environ.setdefault("RAY_COLOR_PREFIX", "0")  # Ray tells of dead workers in yellow, also in a file
    try:
        from jobs.cli import main as run

        run()
    except ImportError as error:
        if place := _place_of_other(error.name):
            sys.exit(
                f"error: Expected shardscore's own packages beside {Path(__file__).parent}; {place} hides one of them. "
                "Rename that, or take its folder out of PYTHONPATH."
            )
        if _is_ours(error.name) or not isinstance(error, ModuleNotFoundError):
            raise
        sys.exit(
            f"error: Expected the dependencies of shardscore in {sys.executable}; it has no module {error.name!r}. "
            "Install them with pip from the checkout or from cluster/requirements.txt, on a cluster on every node, or "
            "put the Python that has them first on PATH."
        )


def _is_ours(module: str | None) -> bool:
    """Whether a module that was not found is a part of this program, or has no name: a bug, not an installation."""
    return module is None or module.partition(".")[0] in ("jobs", "cluster", "scoring")


def _place_of_other(module: str | None) -> str | None:
    """Where a module of a user's own lies that Python took for a package of ours; None if it did not."""
    package = sys.modules.get((module or "").partition(".")[0])
    if not _is_ours(module) or not package or not package.__spec__:
        return None
    place = package.__spec__.origin or next(iter(package.__path__))
    return None if Path(__file__).parents[1] in Path(place).parents else place


def end_by_signals() -> None:
    """Let each signal that stops a command end it at once. What Python does before this line is not ours."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _exit)


def open_closed_streams() -> None:
    """Give standard streams that are closed, as a daemon's may be, nothing to read and nowhere to write.

    Ray needs a standard error; and the first file that is opened would get what libraries print there.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # it gets the lowest number that is free: this
    sys.stdin = sys.stdin or _stream(0, "r")
    sys.stdout = sys.stdout or _stream(1, "w")
    sys.stderr = sys.stderr or _stream(2, "w")


def _stream(number: int, mode: str) -> TextIO:
    return open(number, mode, encoding="utf-8", errors="backslashreplace", closefd=False)  # type: ignore[return-value]


def _exit(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
    os._exit(128 + number)
