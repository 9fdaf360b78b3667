"""Which nodes have failed to start workers, and where the next ones may start. Pure bookkeeping: no Ray, no clock."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from cluster.errors import WaitingWarning, WorkerStartError
from cluster.nodes import Node
from cluster.notices import notice
from cluster.placement import Placement, count_room
from cluster.work import D, T
from cluster.worker import Worker

_MAX_FAILED = 3  # on a node, or of any in a row
# Times in a row that nodes were lost under starts. If a cloud takes one of five nodes back while a worker starts, this
# many follow each other once in 3,000 times; where the start itself is the cause, each costs a node.
_TOLD_LOSSES, _MAX_LOSSES = 2, 5


class FailedStarts:
    """Counts, node by node: one that cannot start workers takes nothing from those that can.

    Attributes:
        in_a_row: Failures since a worker was last ready.
    """

    def __init__(self) -> None:
        self._on: Counter[str | None] = Counter()  # None: the worker ended before it was known where it ran
        self._lost_nodes: dict[str | None, str] = {}  # names of machines by node; since a worker was last ready
        self._lost_at: list[float] = []
        self.in_a_row = 0

    @property
    def are_many(self) -> bool:
        """Whether there were so many in a row that those nodes alone are tried on which none was."""
        return self.in_a_row >= _MAX_FAILED

    def note(self, node_id: str | None) -> None:
        """Record that a worker could not be built there."""
        self._on[node_id] += 1
        self.in_a_row += 1

    def died(self, worker: Worker[T, D], others: Iterable[Worker[T, D]], reason: str) -> None:
        """Record that a worker died before it was built.

        Raises:
            WorkerStartError: If one after the other has, and none is ready, or starts on a node where none has.
        """
        self.note(worker.node_id)
        promising = (other.info or (other.is_starting and self.was_spared(other.node_id)) for other in others)
        if self.are_many and not any(promising):
            raise WorkerStartError(f"{self.in_a_row} actors in a row died while starting: {reason}")

    def node_lost(self, worker: Worker[T, D], others: Iterable[Worker[T, D]], now: float) -> None:
        """Record that a node was lost, and a worker with it that started there or waited for room.

        Nodes that go together, as a cloud takes them back, count once: a loss counts if the start began after the last.

        Raises:
            WorkerStartError: If one loss followed the other, and no worker is ready, or has been starting for longer.
        """
        if worker.host is None:
            return
        self._lost_nodes[worker.node_id] = worker.host
        if not self._lost_at or worker.busy_since > self._lost_at[-1]:
            self._lost_at.append(now)
            if len(self._lost_at) == _TOLD_LOSSES:
                notice(self.lost_nodes, WaitingWarning)
        outlasting = (other.info or (other.is_starting and other.busy_since < self._lost_at[0]) for other in others)
        if len(self._lost_at) >= _MAX_LOSSES and not any(outlasting):
            raise WorkerStartError(f"No actor gets ready. {self.lost_nodes}")

    @property
    def lost_nodes(self) -> str:
        """Says which nodes were lost under starts since a worker was last ready; empty if none was."""
        if not self._lost_nodes:
            return ""
        return (
            f"Nodes that were lost while actors started on them: {len(self._lost_nodes)}, the last one "
            f"{list(self._lost_nodes.values())[-1]}. If their cloud has not taken them back, they may have too little "
            "memory: larger nodes, or fewer actors on each by a larger `cpus_per_actor`, help then."
        )

    def clear(self, node_id: str | None) -> None:
        """Record that one was."""
        self.in_a_row = 0
        self._lost_at.clear()
        self._lost_nodes.clear()
        for known in (node_id, None):
            self._on.pop(known, None)

    def was_spared(self, node_id: str | None) -> bool:
        """Whether none is known to have failed there."""
        return node_id not in self._on

    def places(
        self, count: int, nodes: Callable[[], Sequence[Node]], placement: Placement, taken: Iterable[str | None]
    ) -> list[str | None]:
        """Where so many workers may start, or fewer: ids of nodes, or None for any.

        Args:
            count: How many.
            nodes: Finds the living ones; not called before a start has failed.
            placement: What each worker takes.
            taken: Where workers are already, once for each; None where it is not known yet.
        """
        if not self._on:
            return [None] * count
        used = Counter(taken)
        free = _free(nodes(), placement, used)
        usable = sorted(filter(self._is_usable, free), key=self._on.__getitem__)
        # Those whose node is not known yet may all be on one: there, a further one would wait, and room elsewhere too.
        found: list[str | None] = [node_id for node_id in usable for _ in range(free[node_id] - used[None])]
        if all(node_id in usable or room <= 0 for node_id, room in free.items()) and self._on[None] < _MAX_FAILED:
            found += [None] * count  # for nodes that may join: there is no room on one to avoid
        return found[:count]

    def spare_room(self, nodes: Sequence[Node], placement: Placement, taken: Iterable[str | None]) -> bool:
        """Whether there is room on a node where none is known to have failed; `taken` is that of `places`."""
        free = _free(nodes, placement, Counter(taken))
        return any(room > 0 and self.was_spared(node_id) for node_id, room in free.items())

    def _is_usable(self, node_id: str) -> bool:
        if self.was_spared(node_id):
            return self._on[None] < _MAX_FAILED
        return self._on[node_id] < _MAX_FAILED and not self.are_many


def _free(nodes: Sequence[Node], placement: Placement, used: Counter[str | None]) -> dict[str, int]:
    """Room by node, for so many workers more."""
    return {node.node_id: count_room([node], placement) - used[node.node_id] for node in nodes}
