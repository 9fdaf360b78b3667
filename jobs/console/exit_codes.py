"""What a command's exit code says, and the one line that goes with it."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

from cluster.errors import ClusterError, PlacementError
from jobs.console.flags import as_flags
from scoring.errors import RequestError, ScoringError
from scoring.storage.redaction import redact

COMPLETE, MISSING, NONSENSE, INTERRUPTED, TERMINATED = 0, 1, 2, 130, 143


class Terminated(BaseException):
    """SIGTERM arrived: stop as cleanly as after Ctrl-C."""


@contextmanager
def exit_codes() -> Iterator[None]:
    """Turn a fault into one line on standard error and the exit code of its kind."""
    try:
        yield
    except (RequestError, PlacementError) as error:
        _fail(error, NONSENSE)
    except (ScoringError, ClusterError) as error:
        _fail(error, MISSING)
    except (KeyboardInterrupt, Terminated) as stop:
        _stop(stop)
    except SystemError as error:  # a stop that arrived in compiled code, Ray's: Python wraps it
        if not isinstance(error.__cause__, KeyboardInterrupt | Terminated):
            raise
        _stop(error.__cause__)


def _stop(stop: BaseException) -> NoReturn:
    print("stopped; what is finished is kept: run the same command again to go on", file=sys.stderr)
    sys.exit(INTERRUPTED if isinstance(stop, KeyboardInterrupt) else TERMINATED)


def on_sigterm(number: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001
    """Handle SIGTERM."""
    raise Terminated


def _fail(error: Exception, code: int) -> NoReturn:
    print(f"error: {redact(as_flags(str(error)))}", file=sys.stderr)
    sys.exit(code)
