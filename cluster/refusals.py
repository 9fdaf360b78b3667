"""Tasks that nodes could not do for a reason that may be their own, as a disk that they lack, and where to try them."""

from collections import Counter, defaultdict
from collections.abc import Collection, Set
from dataclasses import replace
from functools import partial
from typing import Generic, TypeAlias

from cluster.ledger import Assignment, TaskLedger
from cluster.work import D, T
from cluster.worker import Worker

_Nodes: TypeAlias = Set[str | None]

_REST_S = 30.0  # a node that has refused a task, until it is given one again: else it would take, and refuse, them all
_PATIENCE_S = 120.0  # for a node to come, where all that are there lack something


class Refusals(Generic[T, D]):
    """Which nodes refused which tasks, and what they said.

    A task that was refused is tried on other nodes, first on those that can do tasks as far as is known. Each is told
    what the others said of it, and may do the task where it finds the same. What several of those refuse, or all nodes,
    is no node's fault: it is done as well as can be, or fails. A node that refused what another one did well has been
    refuted. From then on it agrees with none, for it may lack one disk of several, or have lacked one for a time: it is
    asked after the others, and what it refuses as the last goes back to one that works again. One that never did any
    task well is not asked, except while it is at one, and never does one as well as can be.

    Args:
        workers: All there are, as they come and go.
        most: Nodes that can do tasks, on which one is tried.
    """

    def __init__(self, workers: Collection[Worker[T, D]], most: int) -> None:
        self._workers, self._most = workers, most
        self._by: defaultdict[T, dict[str | None, str]] = defaultdict(dict)
        self._able: set[str | None] = set()
        self._refuted: set[str | None] = set()
        self._counts: Counter[str | None] = Counter()  # how many tasks each refused
        self._rests_until: dict[str | None, float] = {}
        self._waits_since: float | None = None

    def assign(self, ledger: TaskLedger[T], worker: Worker[T, D], now: float) -> Assignment[T] | None:
        """Choose the next task for a worker; None if there is none for it now."""
        rests = self.rests(worker, now)
        if not worker.has_room or (rests and self._may_come(now)):
            return None
        is_open = partial(self._is_open, worker.node_id, self._askable(), self._trusted(), self._resting(now))
        found = ledger.assign(worker.worker_id, len(worker.tasks), is_open, only_refused=rests)
        if found is None:
            return None
        told = self._told(worker.node_id, found.task, now)
        if told is not None and worker.node_id in self._rests_until:
            self._rests_until[worker.node_id] = now + _REST_S
        return replace(found, refusals=told)

    def refused(self, worker: Worker[T, D], task: T, said: str, now: float) -> bool:
        """Record that a task was refused; False if no node is left, or comes soon, that it could be tried on."""
        self._by[task][worker.node_id] = said
        self._counts[worker.node_id] += 1
        self._rests_until[worker.node_id] = now + _REST_S
        if self._nodes() - self._faulty():
            self._waits_since = None
        elif self._waits_since is None:
            self._waits_since = now
        return bool(self._nodes() - self._unable()) or self._may_come(now)

    def done(self, worker: Worker[T, D], given: Assignment[T], said: str | None = None) -> None:
        """Record that a task was done, well if nothing was said: that refutes those that refused it."""
        by = self._by.pop(given.task, {})
        agree = {worker.node_id} | {other for other, others_word in by.items() if others_word == said}
        if said is None:
            self._refuted |= by.keys() - agree
            self._able |= agree
            self._waits_since = None
        if said is None or given.refusals is not None or self._askable() <= agree:  # else they may have the same fault
            for node_id in agree:
                self._rests_until.pop(node_id, None)

    def rests(self, worker: Worker[T, D], now: float) -> bool:
        """Whether a worker gets nothing new: its node has refused a task of late, and others have not, or may come."""
        resting = self._resting(now)
        has_others = any(other.info and other.node_id not in resting for other in self._workers)
        return worker.node_id in resting and (has_others or self._may_come(now))

    def named(self, worker: Worker[T, D], reason: str) -> str:
        """A reason, with the name of the machine where there are others."""
        return f"on {worker.host}: {reason}" if self._nodes() - {worker.node_id} else reason

    def _is_open(self, node_id: str | None, nodes: _Nodes, trusted: _Nodes, resting: _Nodes, task: T) -> bool:
        """Whether a node may be given a task: nobody has refused it, or it is this one's turn to be asked."""
        by = self._by.get(task)
        if not by or not nodes:
            return True
        if nodes <= by.keys() or len(by.keys() & trusted) >= self._most:
            return node_id in (nodes - self._refuted or nodes & self._able or nodes) - resting
        asked = nodes - by.keys()
        first = asked & trusted
        turns = first - self._counts.keys(), first - resting, asked - resting, first, asked
        return node_id in next(filter(None, turns))

    def _told(self, node_id: str | None, task: T, now: float) -> frozenset[str] | None:
        """What others said of a task, which a node may refuse as well; None if it is to do it as well as can be."""
        by, unrefuted = self._by.get(task, {}), self._nodes() - self._refuted
        if node_id in self._unable() or self._may_come(now):
            return frozenset()
        doubted = self._refuted if self._nodes() - {node_id} else self._faulty()
        refusers = by.keys() | ({node_id} - doubted)
        if self._askable() <= refusers or len(refusers & self._trusted()) >= self._most:
            return None
        return frozenset(word for other, word in by.items() if {node_id, other} <= unrefuted and other != node_id)

    def _trusted(self) -> set[str | None]:
        """Nodes that can do tasks, as far as is known; all, where each has refused several and none has done any."""
        none_can = not self._able and all(self._counts[node_id] >= self._most for node_id in self._nodes())
        return self._nodes() if none_can else self._able - self._refuted

    def _askable(self) -> set[str | None]:
        """All nodes but those that have not shown that they can do tasks, and are at none that may show it."""
        busy = {worker.node_id for worker in self._workers if worker.tasks}
        return self._nodes() - (self._unable() - busy)

    def _unable(self) -> set[str | None]:
        """Nodes that were refuted, and never did a task well."""
        return self._refuted - self._able

    def _faulty(self) -> set[str | None]:
        """Nodes that were refuted, have refused a task, and did none well since."""
        return self._refuted & self._rests_until.keys()

    def _resting(self, now: float) -> set[str | None]:
        return {node_id for node_id, until in self._rests_until.items() if now < until}

    def _may_come(self, now: float) -> bool:
        """Whether a node is waited for, since all that are there lack something."""
        is_patient = self._waits_since is not None and now - self._waits_since < _PATIENCE_S
        return is_patient and any(other.host is None for other in self._workers)

    def _nodes(self) -> set[str | None]:
        """All on which a worker has begun."""
        return {worker.node_id for worker in self._workers if worker.host is not None}
