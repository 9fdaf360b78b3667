"""Which worker is given which task, and what becomes of each: by the ledger, its refusals and the deadline."""

import time
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import replace
from typing import Generic

from cluster.calls import Call, OpenCalls
from cluster.deadline import Deadline
from cluster.ledger import Assignment, TaskLedger
from cluster.nodes import check_open
from cluster.outcomes import TaskDone, TaskFailed
from cluster.refusals import Refusals
from cluster.work import D, R, T
from cluster.worker import Worker, one_line

MAX_ATTEMPTS = 3  # workers that a task may be lost with before it is given up


class Dispatcher(Generic[T, R, D]):
    """Gives tasks to the workers that are ready, those that were lost or refused to others.

    Args:
        workers: All there are, as they come and go.
        calls: Where those of tasks are added.
        deadline: Learns how long tasks take.
        of_a_node: See `WorkerPool`.
        shortfall: See `WorkerPool`.
    """

    def __init__(
        self,
        workers: Collection[Worker[T, D]],
        calls: OpenCalls[T, D],
        deadline: Deadline,
        of_a_node: tuple[type[Exception], ...],
        shortfall: Callable[[R], str | None],
    ) -> None:
        self._workers, self._calls, self._deadline = workers, calls, deadline
        self._of_a_node, self._shortfall = of_a_node, shortfall
        self._ledger: TaskLedger[T] = TaskLedger((), MAX_ATTEMPTS)
        self._refusals: Refusals[T, D] = Refusals(self._workers, MAX_ATTEMPTS)

    def begin(self, tasks: Iterable[T]) -> None:
        """Take these tasks, and no others any more; repeats of earlier ones stay counted."""
        self._ledger = TaskLedger(tasks, MAX_ATTEMPTS, self._ledger.num_repeats)
        self._refusals = Refusals(self._workers, MAX_ATTEMPTS)

    @property
    def is_open(self) -> bool:
        """Whether a task has not ended yet."""
        return self._ledger.is_open

    @property
    def num_repeats(self) -> int:
        """How often a task was given to a worker again."""
        return self._ledger.num_repeats

    def hand_out(self) -> None:
        """Give every ready worker its next tasks.

        Raises:
            WorkersLostError: If Ray was shut down.
        """
        check_open()
        for worker in self._workers:
            while assignment := self._refusals.assign(self._ledger, worker, time.monotonic()):
                task, alone, refusals = assignment.task, assignment.alone, assignment.refusals
                worker.give(task, alone)
                self._calls.add(worker.actor.run.remote(task, alone, refusals), Call(worker, assignment))

    def done(self, worker: Worker[T, D], given: Assignment[T], result: R) -> TaskDone[T, R] | None:
        """A task was done; None if a copy of it was before."""
        self._deadline.learn(worker.release(given.task))
        self._refusals.done(worker, given, self._shortfall(result))
        return TaskDone(given.task, result, worker.worker_id) if self._ledger.done(given.task) else None

    def raised(self, worker: Worker[T, D], given: Assignment[T], error: Exception) -> TaskFailed[T] | None:
        """A task raised: it is given up, or tried on another node where its own may be the cause."""
        worker.release(given.task)
        reason = one_line(error)
        if isinstance(error, self._of_a_node):
            reason = self._refusals.named(worker, reason)
            if given.refusals is not None and self._refusals.refused(worker, given.task, str(error), time.monotonic()):
                self._ledger.refused(given.task, worker.worker_id)
                return None
            self._refusals.done(worker, given, str(error))
        failed = self._ledger.raised(given.task, worker.worker_id, reason)
        return failed and replace(failed, error=error)

    def lost(self, worker: Worker[T, D], reason: str) -> Iterator[TaskFailed[T]]:
        """A worker is gone: its tasks are tried again elsewhere; yield those that are given up."""
        for task in worker.tasks:
            if failed := self._ledger.lost(task, worker.worker_id, reason):
                yield failed
