"""The workers of a pool: where they start, which are ready, and what takes the place of those that are gone."""

import time
from collections.abc import Collection
from typing import Any, Generic, NoReturn

import ray

from cluster.calls import Call, OpenCalls
from cluster.errors import WorkersLostError, WorkerStartError
from cluster.failed_starts import FailedStarts
from cluster.head_watch import HeadWatch
from cluster.nodes import cluster_nodes, on_node
from cluster.own_packages import Actor
from cluster.placement import Placement, count_room
from cluster.shared_files import FileNotSharedError
from cluster.waiting import Waiting
from cluster.work import MAX_TASKS_AT_ONCE, D, R, Recipe, T
from cluster.worker import Worker, WorkerInfo, unlike


class WorkerGroup(Generic[T, R, D]):
    """Workers that come and go; what they are given to do is not looked at.

    Args:
        recipe: See `WorkerPool`.
        placement: See `WorkerPool`.
        faults: See `WorkerPool`.
        calls: Where those of starts are added, and those of a worker that is gone are forgotten.

    Attributes:
        ready: All that were ever ready, the dead included.
        start_failures: Why replacements could not start.
        num_lost: How many died or hung.
    """

    def __init__(
        self,
        recipe: Recipe[T, R, D],
        placement: Placement,
        faults: tuple[type[Exception], ...],
        calls: OpenCalls[T, D],
    ) -> None:
        self._head = HeadWatch()
        self._recipe = ray.put(recipe)
        self._placement, self._faults, self._calls = placement, faults, calls
        remote: Any = ray.remote  # its stubs know no max_concurrency
        self._actor_class = remote(
            num_cpus=placement.cpus_per_worker,
            num_gpus=placement.gpus_per_worker,
            accelerator_type=placement.accelerator_type,
            max_concurrency=MAX_TASKS_AT_ONCE,
            max_restarts=0,
            scheduling_strategy="DEFAULT",  # not in the placement group that this process may be in, as in Ray Tune
        )(Actor)
        self._workers: dict[int, Worker[T, D]] = {}
        self._num_started = 0
        self._failed_starts = FailedStarts()
        self._first_nodes = {node.node_id for node in cluster_nodes()}
        self._waiting = Waiting(placement)
        self.ready: list[WorkerInfo[D]] = []
        self.start_failures: list[str] = []
        self._last_fault = ""
        self.num_lost = 0
        self._start(placement.num_workers)

    @property
    def living(self) -> Collection[Worker[T, D]]:
        """Those that are not gone, as they come and go."""
        return self._workers.values()

    def stop(self) -> None:
        """End all workers."""
        for worker in self.living:
            if ray.is_initialized():
                ray.kill(worker.actor)
        self._workers.clear()
        self._calls.clear()

    def ask_again(self, worker: Worker[T, D]) -> None:
        """Ask one that could not be reached again whether its start has begun."""
        self._calls.forget(worker)
        self._ask_begun(worker)

    def begin(self, worker: Worker[T, D], node_id: str, host: str, seconds_ago: float) -> None:
        """Record where a start has begun, and how long ago."""
        if worker.host is None:  # nobody may have looked for long: how long, only the next answer tells
            self._ask_begun(worker)
        worker.begin(node_id, host, seconds_ago)

    def admit(self, worker: Worker[T, D], info: WorkerInfo[D]) -> None:
        """Let a built worker take tasks, if it is of the same kind as the first: results must not mix."""
        first = self.ready[0] if self.ready else info
        if info.description != first.description:
            ray.kill(worker.actor)
            self.start_failed(worker, unlike(info, first), None)
            return
        self._failed_starts.clear(worker.node_id)
        worker.info = info
        self.ready.append(info)

    def start_failed(self, worker: Worker[T, D], reason: str, cause: Exception | None) -> None:
        """It could not be built: a worker of the first set stops the job, another one is tried again elsewhere.

        So is one of the first that lacks a file, on a node that may have it.
        """
        self._remove(worker)
        self._failed_starts.note(worker.node_id)
        is_of_first_nodes = worker.node_id is None or worker.node_id in self._first_nodes
        is_first = worker.worker_id < self._placement.num_workers and (is_of_first_nodes or not self.ready)
        if isinstance(cause, FileNotSharedError):
            is_first = (is_first or not (self._workers or self.ready)) and not self._may_start_elsewhere()
        if is_first:
            if isinstance(cause, self._faults):
                raise cause from None
            raise WorkerStartError(f"An actor could not start: {reason}") from cause
        self._last_fault = reason
        self.start_failures.append(reason)
        self.replace()

    def _may_start_elsewhere(self) -> bool:
        """Whether there is room on a node where no start has failed."""
        taken = [worker.node_id for worker in self.living]
        return self._failed_starts.spare_room(cluster_nodes(), self._placement, taken)

    def lose(self, worker: Worker[T, D], reason: str, with_node: bool) -> None:
        """Take out a worker that died.

        One that died with its node has not failed to start, and nothing is lost with one that waited for room there.

        Raises:
            WorkerStartError: If one start after the other failed so.
            WorkersLostError: If Ray itself has ended.
        """
        self._head.is_up()
        self._remove(worker)
        self.num_lost += 0 if with_node and worker.host is None else 1
        if worker.host is not None:
            self._last_fault = reason
        if worker.info is None and (with_node or self._has_left(worker.node_id)):
            self._failed_starts.node_lost(worker, self.living, time.monotonic())
        elif worker.info is None:
            self.start_failures.append(reason)
            self._failed_starts.died(worker, self.living, reason)

    def _has_left(self, node_id: str | None) -> bool:
        """Whether a node is gone: what started there did not fail."""
        return node_id is not None and self._head.is_up() and node_id not in {node.node_id for node in cluster_nodes()}

    def replace(self) -> None:
        """Start a worker in place of one that is gone, where one may start; give up when none is left."""
        self._start(1)
        if not self._workers:
            self._give_up()

    def grow(self, now: float, start_s: float) -> None:
        """Use nodes that joined, and give up when no node can take a worker.

        Args:
            now: By `time.monotonic()`.
            start_s: How long a start may take.

        Raises:
            WorkersLostError: If none can, or Ray itself has ended.
            PlacementError: If the cluster's autoscaler says that none ever will.
        """
        if not self._head.is_up():
            return
        room = count_room(cluster_nodes(), self._placement)
        wanted = room if self._placement.elastic else self._placement.num_workers
        self._start(max(0, wanted - len(self._workers)))
        if self._waiting.is_over(now, room, self.living, bool(self.ready), start_s):
            self._give_up(is_over=True)

    def _start(self, count: int) -> None:
        """Start so many workers, or as many as there is room for on nodes that have not failed to start them."""
        taken = [worker.node_id for worker in self.living]
        for node_id in self._failed_starts.places(count, cluster_nodes, self._placement, taken):
            where = {} if node_id is None else {"scheduling_strategy": on_node(node_id)}
            worker: Worker[T, D] = Worker(self._num_started, self._actor_class.options(**where).remote(), node_id)
            self._num_started += 1
            self._workers[worker.worker_id] = worker
            self._ask_begun(worker)
            starting = worker.actor.start.remote(self._recipe, self._placement.cpus_per_worker)
            self._calls.add(starting, Call(worker, None))

    def _ask_begun(self, worker: Worker[T, D]) -> None:
        self._calls.add(worker.actor.begun.remote(), Call(worker, None, asks_begun=True))

    def _remove(self, worker: Worker[T, D]) -> None:
        del self._workers[worker.worker_id]
        self._calls.forget(worker)

    def _give_up(self, is_over: bool = False) -> NoReturn:
        why = self._failed_starts.lost_nodes, self._last_fault
        raise WorkersLostError(self._waiting.nobody_left(is_over, *why, bool(self.ready)))
