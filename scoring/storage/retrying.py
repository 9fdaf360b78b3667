"""Try again what storage failed to do for a moment, such as a network file system or a busy device."""

import errno
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from scoring.errors import StorageError

P = ParamSpec("P")
R = TypeVar("R")
# What may pass by itself. A missing file, a full disk or a forbidden folder does not.
_TRANSIENT = frozenset(
    {errno.EIO, errno.EAGAIN, errno.EBUSY, errno.EINTR, errno.ESTALE, errno.EREMOTEIO, errno.ENOBUFS}
    | {errno.ETIMEDOUT, errno.ECONNRESET, errno.ECONNABORTED, errno.ENETDOWN, errno.ENETUNREACH, errno.EHOSTUNREACH}
    | {errno.EMFILE, errno.ENFILE}
)
_ATTEMPTS = 6  # at one failure in five, one in 15,625 is left
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.05, 2.0


def patiently(slower: int = 1) -> Retrying:
    """Return a caller: `patiently()(function, *arguments)` tries up to six times.

    Between tries it waits a random time: up to 0.05 s at first, each time up to twice as long, and never above 2 s.

    Args:
        slower: How many times longer it waits at first.
    """
    return Retrying(
        retry=retry_if_exception(is_transient),
        stop=stop_after_attempt(_ATTEMPTS),
        wait=wait_random_exponential(multiplier=slower * _FIRST_WAIT_S, max=_LONGEST_WAIT_S),
        reraise=True,
    )


def try_patiently(function: Callable[P, R], *arguments: P.args, **options: P.kwargs) -> R:
    """The same as `patiently()(function, *arguments)`, at no cost where the first try succeeds."""
    try:
        return function(*arguments, **options)
    except Exception as error:  # of the first try, which is counted with the others  # noqa: BLE001
        faults = [error]

    def again() -> R:
        if faults:
            raise faults.pop()
        return function(*arguments, **options)

    return patiently()(again)


def is_transient(error: BaseException) -> bool:
    """Whether an error of the system, or the one that caused a StorageError, may pass by itself."""
    cause = error.__cause__ if isinstance(error, StorageError) else error
    return isinstance(cause, OSError) and cause.errno in _TRANSIENT
