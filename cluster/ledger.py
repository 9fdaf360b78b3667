"""Which tasks wait, which run where, and how often each was tried. Pure bookkeeping: no Ray, no clock."""

from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic

from cluster.outcomes import TaskFailed
from cluster.work import T


@dataclass(frozen=True)
class Assignment(Generic[T]):
    """A task for a worker.

    Attributes:
        task: What to do.
        alone: It was lost with a worker before: nothing may run beside it, so that the next loss is its own.
        refusals: What was said on nodes that could not do it, where others may: on this one it may be refused, too.
            None if it is to be done as well as can be.
    """

    task: T
    alone: bool = False
    refusals: frozenset[str] | None = None


class TaskLedger(Generic[T]):
    """Every task ends once: done, or given up.

    A task lost with its worker is a suspect: it is tried again alone, at most `max_attempts` times in all, so that a
    task which kills its workers takes no innocent with it. When nothing waits any more, idle workers get copies of
    the tasks that run longest; whichever ends first counts.

    Args:
        tasks: What is to be done, in this order.
        max_attempts: Workers that a task may be lost with.
        num_repeats: How often tasks of earlier ledgers were repeated.
    """

    def __init__(self, tasks: Iterable[T], max_attempts: int, num_repeats: int = 0) -> None:
        self._queue = deque(tasks)
        self._suspects: deque[T] = deque()
        self._runners: dict[T, set[int]] = {}  # task -> workers that have it
        # Tasks that may be copied, oldest first: once each, or two copies could fail in turns for ever. No suspects.
        self._uncopied: dict[T, None] = {}
        self._refused: deque[T] = deque()
        self._refusals: Counter[T] = Counter()
        self._losses: Counter[T] = Counter()
        self._max_attempts = max_attempts
        self.num_repeats = num_repeats

    @property
    def is_open(self) -> bool:
        """Whether a task has not ended yet."""
        return bool(self._queue or self._suspects or self._refused or self._runners)

    def assign(
        self,
        worker_id: int,
        num_running: int,
        is_open: Callable[[T], bool] = lambda task: True,
        only_refused: bool = False,
    ) -> Assignment[T] | None:
        """Choose the next task for a worker that has `num_running` already; None if there is none for it.

        Args:
            worker_id: The worker.
            num_running: How many tasks it has.
            is_open: Whether it may be given a task that some workers have refused.
            only_refused: It is given no other.
        """
        if self._suspects and not only_refused:
            return self._start(worker_id, self._suspects.popleft(), alone=True) if num_running == 0 else None
        for task in filter(is_open, self._refused):
            self._refused.remove(task)
            return self._start(worker_id, task)
        if only_refused:
            return None
        if self._queue:
            return self._start(worker_id, self._queue.popleft())
        if num_running == 0:
            return self._copy(worker_id, is_open)
        return None

    def done(self, task: T) -> bool:
        """Record a result; False for the later of two copies, which does not count."""
        self._uncopied.pop(task, None)
        return self._runners.pop(task, None) is not None

    def raised(self, task: T, worker_id: int, reason: str) -> TaskFailed[T] | None:
        """Record that a task raised an exception: it is given up, unless a copy of it still runs."""
        if not self._stopped(task, worker_id):
            return None
        return TaskFailed(task, self._losses[task] + self._refusals[task] + 1, reason)

    def refused(self, task: T, worker_id: int) -> None:
        """Record that a worker could not do a task, for a reason that may be its node's: another one tries it."""
        self._refusals[task] += 1
        if self._stopped(task, worker_id):
            self.num_repeats += 1
            # In front, so that one comes to its end before many are tried everywhere.
            self._refused.appendleft(task)

    def lost(self, task: T, worker_id: int, reason: str) -> TaskFailed[T] | None:
        """Record that a task was lost with its worker: it is tried again, or given up."""
        self._losses[task] += 1
        if not self._stopped(task, worker_id):
            return None
        if self._losses[task] >= self._max_attempts:
            return TaskFailed(task, self._losses[task] + self._refusals[task], reason)
        self.num_repeats += 1
        self._suspects.append(task)
        return None

    def _start(self, worker_id: int, task: T, alone: bool = False) -> Assignment[T]:
        self._runners[task] = {worker_id}
        if not alone:
            self._uncopied[task] = None
        return Assignment(task, alone)

    def _copy(self, worker_id: int, is_open: Callable[[T], bool]) -> Assignment[T] | None:
        for task in self._uncopied:
            if worker_id not in self._runners[task] and is_open(task):
                self.num_repeats += 1
                self._runners[task].add(worker_id)
                del self._uncopied[task]
                return Assignment(task)
        return None

    def _stopped(self, task: T, worker_id: int) -> bool:
        """Take the worker off a task that has not ended; True if no other worker has it now."""
        runners = self._runners.get(task)
        if runners is None:
            return False
        runners.discard(worker_id)
        if runners:
            return False
        del self._runners[task]
        self._uncopied.pop(task, None)
        return True
