"""A pool of Ray actors that build a recipe once and then work off numbered tasks.

Written by hand because `ray.util.ActorPool` loses a dead actor's task and queues everything at once.
"""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, NoReturn, TypeAlias, TypeVar

import ray
from ray.exceptions import RayError, RayTaskError

from cluster.autoscaler import can_never_place
from cluster.deadline import Deadline
from cluster.errors import PlacementError, WorkersLostError, WorkerStartError
from cluster.ledger import TaskFailed, TaskLedger
from cluster.nodes import cluster_nodes
from cluster.placement import Placement, count_room
from cluster.worker import Actor, Recipe, Worker, WorkerInfo, cause_of_death, differences, one_line

R = TypeVar("R")

MAX_ATTEMPTS = 3
_TASKS_PER_WORKER = 2  # one at work, one that reads ahead
_MAX_FAILED_STARTS = 3  # in a row
_LOOK_S = 1.0  # how often hanging workers and new nodes are looked for


@dataclass(frozen=True)
class TaskDone(Generic[R]):
    """A task's result, and which worker brought it."""

    task: int
    result: R
    worker_id: int


Outcome: TypeAlias = TaskDone[R] | TaskFailed


class WorkerPool(Generic[R]):
    """Actors that pull tasks; those of a dead or hanging actor go to the living, and a new actor takes its place.

    Args:
        recipe: Called once in each actor; what it returns is called with each task, or its method `again` with a task
            that was lost with an actor before.
        placement: How many actors, and what each gets; if elastic, new nodes get actors as they join.
        deadline_s: Seconds after which a task is taken to hang; None derives it from the times of the others.
        max_attempts: Actors that a task may be lost with before it is given up.

    Attributes:
        ready_workers: All that were ever ready, the dead included.
        start_failures: Why replacements could not start.
        num_lost_workers: Workers that died or hung.
    """

    def __init__(
        self,
        recipe: Recipe[R],
        placement: Placement,
        deadline_s: float | None = None,
        max_attempts: int = MAX_ATTEMPTS,
    ) -> None:
        self._recipe = ray.put(recipe)
        self._placement = placement
        self._deadline = Deadline(deadline_s)
        self._max_attempts = max_attempts
        remote: Any = ray.remote  # its stubs know no max_concurrency
        self._actor_class = remote(
            num_cpus=placement.cpus_per_worker,
            num_gpus=placement.gpus_per_worker,
            accelerator_type=placement.accelerator_type,
            max_concurrency=_TASKS_PER_WORKER,
            max_restarts=0,
        )(Actor)
        self._workers: dict[int, Worker] = {}
        self._pending: dict[Any, tuple[Worker, int | None]] = {}  # reference -> worker and task; None: its start
        self._ledger = TaskLedger((), max_attempts)
        self._num_started = self._num_failed_starts = 0
        self._looked_at = self._placeable_at = time.monotonic()
        self.ready_workers: list[WorkerInfo] = []
        self.start_failures: list[str] = []
        self.num_lost_workers = 0
        self._start_workers(placement.num_workers)

    @property
    def num_repeats(self) -> int:
        """How often a task was given to a worker again, after a loss or as a copy at the end of the run."""
        return self._ledger.num_repeats

    def first_ready(self) -> WorkerInfo:
        """Wait until a worker is built.

        Raises:
            WorkerStartError: If one cannot be; its `__cause__` is what the recipe raised.
            WorkersLostError: If no node that can take one comes in time.
            PlacementError: If the cluster's autoscaler says that none ever will.
        """
        while not self.ready_workers:
            for _ in self._settle():
                pass
        return self.ready_workers[0]

    def run(self, tasks: Iterable[int]) -> Iterator[Outcome[R]]:
        """Yield every task's outcome once, in the order in which they end.

        Raises:
            WorkerStartError: If a worker of the first set cannot be built.
            WorkersLostError: If no worker is left and no node can take one.
        """
        self._ledger = TaskLedger(tasks, self._max_attempts)
        while self._ledger.is_open:
            self._hand_out()
            yield from self._settle()

    def stop(self) -> None:
        """End all workers; what they have not finished is lost."""
        for worker in self._workers.values():
            ray.kill(worker.actor)
        self._workers.clear()
        self._pending.clear()

    def _start_workers(self, count: int) -> None:
        for _ in range(count):
            worker = Worker(self._num_started, self._actor_class.remote())
            self._num_started += 1
            self._workers[worker.worker_id] = worker
            starting = worker.actor.start.remote(self._recipe, self._placement.cpus_per_worker)
            self._pending[starting] = (worker, None)

    def _hand_out(self) -> None:
        """Give every ready worker its next tasks."""
        for worker in self._workers.values():
            while worker.info and not worker.alone and len(worker.tasks) < _TASKS_PER_WORKER:
                assignment = self._ledger.assign(worker.worker_id, len(worker.tasks))
                if assignment is None:
                    break
                worker.give(assignment.task, assignment.alone)
                self._pending[worker.actor.run.remote(assignment.task, assignment.alone)] = (worker, assignment.task)

    def _settle(self) -> Iterator[Outcome[R]]:
        """Wait for a call to end, or for the time to look around, and draw the consequences."""
        for call in self._wait():
            entry = self._pending.pop(call, None)  # None: its worker was found dead by another of its calls
            if entry:
                yield from self._settle_call(call, *entry)
        if time.monotonic() - self._looked_at >= _LOOK_S:
            yield from self._look_around()

    def _wait(self) -> list[Any]:
        """The calls that have ended: all there are, because each look costs time for every call that has not."""
        calls = list(self._pending)
        ended, _ = ray.wait(calls, num_returns=1, timeout=_LOOK_S) if calls else ([], [])
        return ray.wait(calls, num_returns=len(calls), timeout=0)[0] if ended else []

    def _settle_call(self, call: Any, worker: Worker, task: int | None) -> Iterator[Outcome[R]]:
        try:
            result = ray.get(call)
        except RayTaskError as error:
            if task is None:
                self._start_failed(worker, one_line(error.cause), error.cause)
                return
            worker.release(task)
            failed = self._ledger.raised(task, worker.worker_id, one_line(error.cause))
            if failed:
                yield failed
        except RayError as error:
            yield from self._bury(worker, cause_of_death(error))
        else:
            if task is None:
                self._welcome(worker, WorkerInfo(worker.worker_id, *result))
                return
            self._deadline.learn(worker.release(task))
            if self._ledger.done(task):
                yield TaskDone(task, result, worker.worker_id)

    def _welcome(self, worker: Worker, info: WorkerInfo) -> None:
        """Let a built worker take tasks, if it is of the same kind as the first: results must not mix."""
        first = self.ready_workers[0] if self.ready_workers else info
        if info.description != first.description:
            ray.kill(worker.actor)
            self._start_failed(worker, _unlike(info, first), None)
            return
        self._num_failed_starts = 0
        worker.info = info
        self.ready_workers.append(info)

    def _start_failed(self, worker: Worker, reason: str, cause: Exception | None) -> None:
        """It could not be built: a worker of the first set stops the job, a replacement leaves it to the others."""
        self._remove(worker)
        if worker.worker_id < self._placement.num_workers:
            raise WorkerStartError(f"A worker could not start: {reason}") from cause
        self._num_failed_starts += 1
        self.start_failures.append(reason)
        if not self._workers:
            self._give_up()

    def _bury(self, worker: Worker, reason: str) -> Iterator[Outcome[R]]:
        """A worker died: its tasks are tried again elsewhere, and a new one takes its place."""
        self._remove(worker)
        self.num_lost_workers += 1
        if worker.info is None:
            self._died_at_start(reason)
        for task in worker.tasks:
            failed = self._ledger.lost(task, worker.worker_id, reason)
            if failed:
                yield failed
        if self._num_failed_starts < _MAX_FAILED_STARTS:
            self._start_workers(1)
        elif not self._workers:
            self._give_up()

    def _died_at_start(self, reason: str) -> None:
        """Stop trying when one worker after the other dies before it is built, and the job if none is left."""
        self._num_failed_starts += 1
        self.start_failures.append(reason)
        if self._num_failed_starts >= _MAX_FAILED_STARTS and not any(worker.info for worker in self._workers.values()):
            raise WorkerStartError(f"{self._num_failed_starts} workers in a row died while starting: {reason}")

    def _remove(self, worker: Worker) -> None:
        del self._workers[worker.worker_id]
        self._pending = {call: entry for call, entry in self._pending.items() if entry[0] is not worker}

    def _look_around(self) -> Iterator[Outcome[R]]:
        """Replace workers that hang, use nodes that joined, and give up when no node can take a worker."""
        self._looked_at = now = time.monotonic()
        deadline_s = self._deadline.seconds()
        for worker in list(self._workers.values()):
            if worker.tasks and now - worker.busy_since > deadline_s:
                ray.kill(worker.actor)
                yield from self._bury(worker, f"no result within {deadline_s:.0f} s: the worker hung and was replaced")
        room = count_room(cluster_nodes(), self._placement)
        if self._placement.elastic and self._num_failed_starts < _MAX_FAILED_STARTS:
            self._start_workers(max(0, room - len(self._workers)))
        if room or any(worker.info for worker in self._workers.values()):
            self._placeable_at = now
        else:
            self._wait_for_nodes(now - self._placeable_at)

    def _wait_for_nodes(self, waited_s: float) -> None:
        """No node can take a worker: go on only while one may still join."""
        if self._placement.by_autoscaler and not self.ready_workers and can_never_place(self._placement.bundle):
            raise PlacementError(
                f"Expected a node with {self._placement} for an actor; the cluster's autoscaler has none to add. "
                "Lower --gpus-per-actor or --cpus-per-actor, or name another --accelerator-type."
            )
        if waited_s > self._placement.patience_s:
            self._give_up()

    def _give_up(self) -> NoReturn:
        if not self.ready_workers and not self.start_failures:
            raise WorkersLostError(
                f"No node with {self._placement} for an actor came within {self._placement.patience_s:g} s. "
                "Wait longer with --wait-for-nodes SECONDS."
            )
        last = f" The last one failed: {self.start_failures[-1]}" if self.start_failures else ""
        raise WorkersLostError(f"No worker is left, and no new one can be started.{last}")


def _unlike(info: WorkerInfo, first: WorkerInfo) -> str:
    return (
        f"Expected all workers alike; worker {info.worker_id} on {info.devices.host} differs from worker "
        f"{first.worker_id} on {first.devices.host}: {differences(info.description, first.description)}. "
        "Choose one kind of device with --accelerator-type."
    )
