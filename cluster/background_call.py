"""A call in a thread of its own, so that signals are heeded while it runs: compiled code does not look for them."""

import threading
from collections.abc import Callable

_LOOK_S = 0.1  # how often Python looks for signals, where a library's handler lets the wait go on


class BackgroundCall:
    """A call that is yet to begin.

    Its thread stays until it is told to end: the kernel kills Ray's servers when the thread that started them ends.

    Args:
        work: What to call.
    """

    def __init__(self, work: Callable[[], None]) -> None:
        self._work = work
        self._error: BaseException | None = None
        self._is_done, self._may_end = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="background call", daemon=True)

    def run(self) -> None:
        """Begin; return when it is done. Raises what it raises, or what a signal's handler raises meanwhile."""
        self._thread.start()
        while not self._is_done.wait(_LOOK_S):
            pass
        if self._error is not None:
            raise self._error

    def has_begun(self) -> bool:
        """Whether it was ever begun."""
        return self._thread.ident is not None

    def has_raised(self, error: BaseException) -> bool:
        """Whether this is what it raised, and not what a signal's handler did."""
        return error is self._error

    def is_running(self) -> bool:
        """Whether it has begun and is not done."""
        return self._thread.is_alive() and not self._is_done.is_set()

    def wait(self, limit_s: float | None = None) -> None:
        """Return when it is done, however it ends, if it never began, or after so long."""
        if self._thread.is_alive():
            self._is_done.wait(limit_s)

    def end(self) -> None:
        """Let the thread end."""
        self._may_end.set()

    def _run(self) -> None:
        try:
            self._work()
        except BaseException as error:  # noqa: BLE001  # it is raised where it is waited for
            self._error = error
        self._is_done.set()
        self._may_end.wait()
