"""Tasks that nodes could not do for a reason that may be their own, as a disk that they lack, and where to try them."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import replace
from functools import partial
from typing import Generic

from cluster.ledger import Assignment, TaskLedger
from cluster.work import D, T
from cluster.worker import Worker

_REST_S = 30.0  # a node that has refused a task, until it is given one again: else it would take, and refuse, them all


class Refusals(Generic[T, D]):
    """Which nodes refused which tasks.

    A task that was refused is tried on the other nodes. What all of them refuse, or several, is no node's fault: it is
    done as well as can be, or fails. A node that has refused what another one did has a fault of its own.

    Args:
        workers: All there are, as they come and go.
        most: Nodes that a task is tried on.
    """

    def __init__(self, workers: Collection[Worker[T, D]], most: int) -> None:
        self._workers, self._most = workers, most
        self._by: defaultdict[T, set[str | None]] = defaultdict(set)
        self._rests_until: dict[str | None, float] = {}
        self._faulty: set[str | None] = set()

    def assign(self, ledger: TaskLedger[T], worker: Worker[T, D], now: float) -> Assignment[T] | None:
        """Choose the next task for a worker; None if there is none for it now."""
        if not worker.has_room or self.rests(worker, now):
            return None
        found = ledger.assign(worker.worker_id, len(worker.tasks), partial(self.is_open_to, worker))
        if found is None:
            return None
        self.given(worker, now)
        return replace(found, may_refuse=self.may_refuse(worker, found.task))

    def is_open_to(self, worker: Worker[T, D], task: T) -> bool:
        """Whether a task may be given to this worker: its node has not refused it, or no other is left to be asked."""
        by = self._by.get(task)
        return not by or worker.node_id not in by or self._has_gone_round(by)

    def may_refuse(self, worker: Worker[T, D], task: T) -> bool:
        """Whether what this worker's node lacks may be somewhere else."""
        if worker.node_id in self._faulty:
            return True
        by = self._by.get(task)
        return self._has_others(worker) and not (by and self._has_gone_round(by))

    def refused(self, worker: Worker[T, D], task: T, now: float) -> None:
        """Record that a task was refused."""
        self._by[task].add(worker.node_id)
        self._rests_until[worker.node_id] = now + _REST_S

    def given(self, worker: Worker[T, D], now: float) -> None:
        """Record that a worker was given a task: on a node that has refused some it is the only one for a while."""
        if worker.node_id in self._rests_until:
            self._rests_until[worker.node_id] = now + _REST_S

    def done(self, worker: Worker[T, D], task: T, might_refuse: bool) -> None:
        """Record that a task was done, by a worker that might have refused it, or not."""
        self._rests_until.pop(worker.node_id, None)
        by = self._by.pop(task, set())
        if might_refuse:
            self._faulty = (self._faulty | by) - {worker.node_id}

    def rests(self, worker: Worker[T, D], now: float) -> bool:
        """Whether a worker gets nothing now: its node has refused a task of late, and others have not."""
        resting = {node_id for node_id, until in self._rests_until.items() if now < until}
        return worker.node_id in resting and any(other.info and other.node_id not in resting for other in self._workers)

    def named(self, worker: Worker[T, D], reason: str) -> str:
        """A reason, with the name of the machine where there are others."""
        return f"on {worker.host}: {reason}" if self._has_others(worker) else reason

    def _has_others(self, worker: Worker[T, D]) -> bool:
        """Whether a worker has begun on another node than this one's."""
        return any(other.host is not None and other.node_id != worker.node_id for other in self._workers)

    def _has_gone_round(self, refused_by: set[str | None]) -> bool:
        nodes = {worker.node_id for worker in self._workers if worker.host is not None}
        return len(refused_by) >= self._most or refused_by.issuperset(nodes - self._faulty)
