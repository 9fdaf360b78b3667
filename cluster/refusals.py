"""Tasks that nodes could not do for a reason that may be their own, as a disk that they lack, and where to try them."""

from collections import defaultdict
from collections.abc import Collection, Set
from dataclasses import replace
from functools import partial
from typing import Generic

from cluster.ledger import Assignment, TaskLedger
from cluster.work import D, T
from cluster.worker import Worker

_REST_S = 30.0  # a node that has refused a task, until it is given one again: else it would take, and refuse, them all
_PATIENCE_S = 120.0  # for a node to come, where all that are there lack something


class Refusals(Generic[T, D]):
    """Which nodes refused which tasks, and what they said.

    A task that was refused is tried on other nodes, first on those that have shown that they can do some. Each is told
    what the others said of it, and may do the task where it finds the same. What several of them refuse, or several of
    all where each has refused something and none has done any, or all nodes, is no node's fault: it is done as well as
    can be, or fails. A node that refused what another one did well has a fault of its own until it does one well: it is
    asked for no other's, and never to do one as well as can be. From then on it agrees with none, for it may lack one
    disk of several.

    Args:
        workers: All there are, as they come and go.
        most: Nodes that can do tasks, on which one is tried.
    """

    def __init__(self, workers: Collection[Worker[T, D]], most: int) -> None:
        self._workers, self._most = workers, most
        self._by: defaultdict[T, dict[str | None, str]] = defaultdict(dict)
        self._proven: set[str | None] = set()
        self._faulty: set[str | None] = set()
        self._refuted: set[str | None] = set()
        self._refusers: set[str | None] = set()
        self._rests_until: dict[str | None, float] = {}
        self._waits_since: float | None = None

    def assign(self, ledger: TaskLedger[T], worker: Worker[T, D], now: float) -> Assignment[T] | None:
        """Choose the next task for a worker; None if there is none for it now."""
        if not worker.has_room or self.rests(worker, now):
            return None
        nodes = self._sound_nodes()
        found = ledger.assign(worker.worker_id, len(worker.tasks), partial(self._is_open, worker.node_id, nodes))
        if found is None:
            return None
        if worker.node_id in self._rests_until:
            self._rests_until[worker.node_id] = now + _REST_S
        return replace(found, refusals=self._told(worker.node_id, nodes, found.task))

    def refused(self, worker: Worker[T, D], task: T, said: str, now: float) -> bool:
        """Record that a task was refused; False if no node is left, or comes soon, that it could be tried on."""
        self._by[task][worker.node_id] = said
        self._refusers.add(worker.node_id)
        self._rests_until[worker.node_id] = now + _REST_S
        if self._sound_nodes():
            self._waits_since = None
            return True
        self._waits_since = now if self._waits_since is None else self._waits_since
        return self._may_come(now)

    def done(self, worker: Worker[T, D], given: Assignment[T], said: str | None = None) -> None:
        """Record that a task was done, well if nothing was said: that refutes those that refused it."""
        node_id = worker.node_id
        by = self._by.pop(given.task, {})
        agree = {node_id} | {other for other, others_word in by.items() if others_word == said}
        if said is None:
            self._refuted |= by.keys() - {node_id}
            self._faulty = (self._faulty | by.keys()) - {node_id}
        is_proof = said is None or self._sound_nodes() <= agree
        self._proven = (self._proven | (agree if is_proof else set())) - self._faulty
        if is_proof or given.refusals is not None:  # else they may all have the same fault
            for other in agree - self._faulty:
                self._rests_until.pop(other, None)

    def rests(self, worker: Worker[T, D], now: float) -> bool:
        """Whether a worker gets nothing now: its node has refused a task of late, and others have not, or may come."""
        resting = {node_id for node_id, until in self._rests_until.items() if now < until}
        has_others = any(other.info and other.node_id not in resting for other in self._workers)
        return worker.node_id in resting and (has_others or self._may_come(now))

    def named(self, worker: Worker[T, D], reason: str) -> str:
        """A reason, with the name of the machine where there are others."""
        return f"on {worker.host}: {reason}" if self._nodes() - {worker.node_id} else reason

    def _is_open(self, node_id: str | None, nodes: Set[str | None], task: T) -> bool:
        """Whether a node may be given a task: nobody has refused it, or it is this one's turn to be asked."""
        by = self._by.get(task)
        if not by:
            return True
        if nodes and node_id not in nodes:
            return False
        if node_id in by:
            return self._is_enough(by.keys(), nodes)
        return node_id in self._proven or self._proven & nodes <= by.keys()

    def _told(self, node_id: str | None, nodes: Set[str | None], task: T) -> frozenset[str] | None:
        """What others said of a task, which a node may refuse as well; None if it is to do it as well as can be."""
        by = self._by.get(task, {})
        if node_id not in nodes:
            return frozenset()
        if self._is_enough(by.keys() | {node_id}, nodes):
            return None
        trusted = nodes - self._refuted
        return frozenset(word for other, word in by.items() if {node_id, other} <= trusted and other != node_id)

    def _is_enough(self, by: Set[str | None], nodes: Set[str | None]) -> bool:
        """Whether what these nodes refuse is no node's fault."""
        none_can = not self._proven and nodes <= self._refusers
        return nodes <= by or len(by & (nodes if none_can else self._proven)) >= self._most

    def _may_come(self, now: float) -> bool:
        """Whether a node is waited for, since all that are there lack something."""
        is_patient = self._waits_since is not None and now - self._waits_since < _PATIENCE_S
        return is_patient and any(other.host is None for other in self._workers)

    def _sound_nodes(self) -> set[str | None]:
        return self._nodes() - self._faulty

    def _nodes(self) -> set[str | None]:
        """All on which a worker has begun."""
        return {worker.node_id for worker in self._workers if worker.host is not None}
