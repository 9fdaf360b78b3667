"""Give up reads that take too long, of a file system that hangs or a server that does not answer.

A read is done by a helper thread. One that does not come back in time is left alone, for nothing can stop it, and its
caller is told. Helpers are daemons: they keep no process from ending.

To hand a small file from thread to thread takes ten times as long as to read it (0.13 ms and 0.01): of files that are
read one after the other, the next ones are read while their caller has the last in hand, and mostly nobody waits.
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")
# Of a process. Where so many hang, a further read waits for one that comes back, up to its own limit.
_MOST_HELPERS = 1000
_MOST_AHEAD = 2**20  # bytes: every small photo of a part, so that threads change once for all of them
_limit_s: ContextVar[float | None] = ContextVar("limit_s", default=None)


class ReadTimeoutError(OSError):
    """A read took longer than it may. No retry helps: it would be as long again."""


@contextmanager
def reading_within(seconds: float | None) -> Iterator[None]:
    """Let each read that this thread begins in the block take at most `seconds`; None lets it take any time."""
    token = _limit_s.set(seconds)
    try:
        yield
    finally:
        _limit_s.reset(token)


def read_limit_s() -> float | None:
    """Seconds that each read of this thread may take now; None for any time."""
    return _limit_s.get()


def within_limit(read: Callable[P, R], *arguments: P.args, **options: P.kwargs) -> R:
    """Call `read`, and give it up when the limit of this thread is over.

    Raises:
        ReadTimeoutError: If it is given up.
    """
    return within(_limit_s.get(), read, *arguments, **options)


def within(seconds: float | None, read: Callable[P, R], *arguments: P.args, **options: P.kwargs) -> R:
    """Call `read`, and give it up after `seconds`; None gives none up. See `within_limit`."""
    if seconds is None:
        return read(*arguments, **options)
    end = time.monotonic() + seconds
    task = _helpers.do(lambda: read(*arguments, **options))
    try:
        error = task.exception(seconds)  # what the read raised, which may be a TimeoutError too
    except TimeoutError as late:
        task.cancel()  # if no helper has begun it
        error, end = late, 0.0
    # A read that has this limit itself may give up before this thread wakes.
    if isinstance(error, Exception) and time.monotonic() >= end:
        raise _too_slow(seconds) from error
    result: R = task.result()
    return result


def ahead(seconds: float | None, reads: Sequence[Callable[[], bytes]]) -> Iterator[Callable[[], bytes]]:
    """Call `reads` one after the other, the next ones while the caller has the last one's result in hand.

    Args:
        seconds: How long each may be waited for; None for any time. One that takes longer is given up.
        reads: Called by another thread, in their order, while what they returned and the caller has not taken yet is
            no more than a MiB.

    Yields:
        What waits for the next one and returns its result, or raises what it raised, or a ReadTimeoutError if it is
        given up; to be called once, before the next is asked for.
    """
    series = _Series(reads)
    try:
        for number in range(len(reads)):
            if series.is_given_up:
                series = _Series(reads[number:])
            yield partial(series.take, seconds)
    finally:
        series.give_up()


def _too_slow(seconds: float) -> ReadTimeoutError:
    return ReadTimeoutError(f"reading took longer than {seconds:g} s")


class _Series:
    """Reads that one helper does one after the other, so far ahead as memory allows."""

    def __init__(self, reads: Sequence[Callable[[], bytes]]) -> None:
        self.is_given_up = False
        self._reads = reads
        self._outcomes: SimpleQueue[bytes | BaseException] = SimpleQueue()
        self._num_read = self._num_taken = 0  # bytes; each is changed by one thread alone
        self._takes: SimpleQueue[None] = SimpleQueue()  # one for each time that the helper shall look at them again
        _helpers.do(self._read)

    def take(self, seconds: float | None) -> bytes:
        try:
            outcome = self._outcomes.get(timeout=seconds)
        except Empty:
            self.give_up()
            raise _too_slow(seconds or 0.0) from None
        if isinstance(outcome, BaseException):
            raise outcome
        self._num_taken += len(outcome)
        self._takes.put(None)
        return outcome

    def give_up(self) -> None:
        self.is_given_up = True
        self._takes.put(None)

    def _read(self) -> None:
        for read in self._reads:
            while self._num_read - self._num_taken > _MOST_AHEAD and not self.is_given_up:
                self._takes.get()
            if self.is_given_up:
                return
            try:
                outcome = read()
            except BaseException as error:  # raised again where it is waited for  # noqa: BLE001
                self._outcomes.put(error)
            else:
                self._num_read += len(outcome)
                self._outcomes.put(outcome)
                del outcome


class _Helpers:
    """Threads that are started when all others are busy, and stay."""

    def __init__(self) -> None:
        self._tasks: SimpleQueue[tuple[Future[Any], Callable[[], Any]]] = SimpleQueue()
        self._turn = threading.Lock()
        self._num_helpers = self._num_idle = self._num_waiting = 0

    def do(self, read: Callable[[], Any]) -> Future[Any]:
        task: Future[Any] = Future()
        with self._turn:
            self._tasks.put((task, read))
            if self._num_idle:
                self._num_idle -= 1
            elif self._num_helpers < _MOST_HELPERS:
                self._num_helpers += 1
                threading.Thread(target=self._serve, name=f"read-{self._num_helpers}", daemon=True).start()
            else:
                self._num_waiting += 1
        return task

    def _serve(self) -> None:
        while True:
            task, read = self._tasks.get()
            if not task.set_running_or_notify_cancel():
                self._become_idle()
                continue
            try:
                result = read()
            except BaseException as error:  # raised again where it is waited for  # noqa: BLE001
                self._become_idle()
                task.set_exception(error)
            else:
                self._become_idle()  # first: who waits for the result may come with the next read at once
                task.set_result(result)
                del result  # an image's bytes
            del task, read

    def _become_idle(self) -> None:
        with self._turn:
            if self._num_waiting:
                self._num_waiting -= 1
            else:
                self._num_idle += 1


_helpers = _Helpers()
