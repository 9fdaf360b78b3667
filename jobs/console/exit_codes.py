"""What a command's exit code says, and the one line that goes with it."""

import errno
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import NoReturn

import typer

from jobs.console.flags import as_flags
from scoring.errors import RequestError, ScoringError
from scoring.storage.redaction import redact, visible

COMPLETE, MISSING, NONSENSE, INTERRUPTED, TERMINATED = 0, 1, 2, 130, 143
_NO_THREAD = "can't start new thread"  # all that Python says, as a RuntimeError
_ADVICE_ON_THREADS = (
    "Expected room for one more thread; the system gave none. Raise the limits of memory (ulimit -v) and of processes "
    "(ulimit -u), and run the same command again."
)
_BEGIN_ANEW = ("bench", "demo", "sonar")
# What the system says of a write alone, of a place that nobody could foresee.
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)
_is_removed: ContextVar[bool] = ContextVar("is_removed", default=False)


class Terminated(BaseException):
    """SIGTERM, or another signal of that number, arrived: stop as cleanly as after Ctrl-C."""

    def __init__(self, number: int = signal.SIGTERM) -> None:
        super().__init__(number)
        self.exit_code = 128 + number


@contextmanager
def exit_codes(overwrite: bool = False, context: typer.Context | None = None, is_kept: bool = True) -> Iterator[None]:
    """Turn a fault into one line on standard error and the exit code of its kind.

    Args:
        overwrite: Whether the command was told to begin from nothing.
        context: Of the command; None if its faults may be of another's options.
        is_kept: Whether the same command goes on with what it had finished; else it begins anew.
    """
    _is_removed.set(False)
    try:
        yield
    except (KeyboardInterrupt, Terminated) as stop:
        _stop(stop, overwrite, is_kept)
    except SystemError as error:  # a stop that arrived in compiled code, Ray's: Python wraps it
        if not isinstance(error.__cause__, KeyboardInterrupt | Terminated):
            raise
        _stop(error.__cause__, overwrite, is_kept)
    except Exception as error:
        fault = _in_words(error)
        code = _code_of(fault)
        if code is None:
            raise
        _fail(fault, code, context)


def goes_on(name: str) -> bool:
    """Whether a command that is stopped goes on when it is given again; else it keeps nothing for the next one."""
    return name not in _BEGIN_ANEW


def note_removal() -> None:
    """The earlier results are removed: a command that was told to overwrite them goes on only without that."""
    _is_removed.set(True)


def _in_words(error: Exception) -> Exception:
    """A fault of the system that may meet any line of a command, as one that has its line; others as they are."""
    if str(error) == _NO_THREAD:
        return ScoringError(_ADVICE_ON_THREADS)
    if isinstance(error, OSError) and error.errno in _NO_ROOM and not isinstance(error, ScoringError):
        return ScoringError(f"Cannot write {error.filename or 'a file'}: {error.strerror}.")
    return error


def _code_of(error: Exception) -> int | None:
    """The exit code of a fault that has its line; None for a bug."""
    from cluster.errors import ClusterError, PlacementError  # commands without a cluster need none of it

    if isinstance(error, RequestError | PlacementError):
        return NONSENSE
    return MISSING if isinstance(error, ScoringError | ClusterError) else None


def _stop(stop: BaseException, overwrite: bool, is_kept: bool) -> NoReturn:
    again = "it again without `overwrite`" if overwrite and _is_removed.get() else "the same command again"
    kept = f"what is finished is kept: run {as_flags(again)} to go on"
    _say(f"stopped; {kept if is_kept else 'the same command again begins anew'}")
    sys.exit(stop.exit_code if isinstance(stop, Terminated) else INTERRUPTED)


def _fail(error: Exception, code: int, context: typer.Context | None) -> NoReturn:
    _say(f"error: {visible(redact(as_flags(str(error), context)))}")
    sys.exit(code)


def _say(line: str) -> None:
    with suppress(OSError):  # the terminal is gone, or the disk with the log is full: the exit code tells
        print(line, file=sys.stderr, flush=True)
