"""A pool of Ray actors that build their work once and are then given one task after the other.

Written by hand because `ray.util.ActorPool` loses a dead actor's task and queues everything at once.
"""

import time
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Generic, NoReturn, Self, TypeAlias

import ray
from ray.exceptions import RayError, RayTaskError

from cluster.calls import Call, OpenCalls
from cluster.deadline import Deadline
from cluster.errors import WorkersLostError, WorkerStartError
from cluster.failed_starts import FailedStarts
from cluster.head_watch import HeadWatch
from cluster.ledger import Assignment, TaskFailed, TaskLedger
from cluster.nodes import check_open, cluster_nodes, on_node
from cluster.own_packages import Actor
from cluster.placement import Placement, count_room
from cluster.refusals import Refusals
from cluster.shared_files import FileNotSharedError
from cluster.waiting import Waiting
from cluster.work import MAX_TASKS_AT_ONCE, D, R, Recipe, T
from cluster.worker import Worker, WorkerInfo, cause_of_death, died_with_node, one_line, unlike

MAX_ATTEMPTS = 3  # workers that a task may be lost with before it is given up
_LOOK_S = 1.0  # how often hanging workers and new nodes are looked for


@dataclass(frozen=True)
class TaskDone(Generic[T, R]):
    """A task's result, and which worker brought it."""

    task: T
    result: R
    worker_id: int


Outcome: TypeAlias = TaskDone[T, R] | TaskFailed[T]


class WorkerPool(Generic[T, R, D]):
    """Actors that pull tasks; those of a dead or hanging actor go to the living, and a new actor takes its place.

    A context manager that ends its workers.

    Args:
        recipe: Called once in each actor; what it returns is given the tasks.
        placement: How many actors, and what each gets; if elastic, new nodes get actors as they join.
        deadline_s: Seconds after which a task is taken to hang; None derives it from the times of the others.
        faults: Exceptions of the recipe that say all there is to say: when a worker of the first set cannot be built
            for one of these, it is raised itself instead of a WorkerStartError. The first set are those that begin on
            nodes which were there before the pool, and all until one is ready.
        spare_s: See `Deadline`.
        of_a_node: Exceptions of a task that may be its node's alone, which lacks a disk or a network: it is tried on
            another node, where there is one, and that node rests. Their reasons name the machine, where there are more.
        shortfall: What would have been raised instead of a result, had another node been there to do it better.

    Attributes:
        ready_workers: All that were ever ready, the dead included.
        start_failures: Why replacements could not start.
        num_lost_workers: Workers that died or hung.
    """

    def __init__(
        self,
        recipe: Recipe[T, R, D],
        placement: Placement,
        deadline_s: float | None = None,
        faults: tuple[type[Exception], ...] = (),
        spare_s: float = 0.0,
        of_a_node: tuple[type[Exception], ...] = (),
        shortfall: Callable[[R], str | None] = lambda result: None,
    ) -> None:
        self._head = HeadWatch()
        self._recipe = ray.put(recipe)
        self._placement = placement
        self._deadline = Deadline(deadline_s, spare_s)
        self._faults, self._of_a_node, self._shortfall = faults, of_a_node, shortfall
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
        self._calls: OpenCalls[T, D] = OpenCalls()
        self._ledger: TaskLedger[T] = TaskLedger((), MAX_ATTEMPTS)
        self._num_started = 0
        self._failed_starts = FailedStarts()
        self._first_nodes = {node.node_id for node in cluster_nodes()}
        self._waiting = Waiting(placement)
        self._refusals: Refusals[T, D] = Refusals(self._living, MAX_ATTEMPTS)
        self._looked_at = time.monotonic()
        self.ready_workers: list[WorkerInfo[D]] = []
        self.start_failures: list[str] = []
        self._last_fault = ""
        self.num_lost_workers = 0
        self._start_workers(placement.num_workers)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def num_repeats(self) -> int:
        """How often a task was given to a worker again, after a loss or as a copy at the end of the run."""
        return self._ledger.num_repeats

    def first_ready(self) -> WorkerInfo[D]:
        """Wait until a worker is built.

        Raises:
            WorkerStartError: If one cannot be; its `__cause__` is what the recipe raised.
            WorkersLostError: If no node that can take one comes in time, or Ray itself has ended.
            PlacementError: If the cluster's autoscaler says that none ever will.
        """
        while not self.ready_workers:
            for _ in self._settle():
                pass
        return self.ready_workers[0]

    def run(self, tasks: Iterable[T]) -> Iterator[Outcome[T, R]]:
        """Yield every task's outcome once, in the order in which they end.

        Raises:
            WorkerStartError: If a worker of the first set cannot be built.
            WorkersLostError: If no worker is left and no node can take one, or Ray itself has ended.
            PlacementError: As in `first_ready`, if no worker was ready before.
        """
        self._ledger = TaskLedger(tasks, MAX_ATTEMPTS)
        self._refusals = Refusals(self._living, MAX_ATTEMPTS)
        while self._ledger.is_open:
            self._hand_out()
            yield from self._settle()

    def stop(self) -> None:
        """End all workers; what they have not finished is lost."""
        for worker in self._living:
            if ray.is_initialized():
                ray.kill(worker.actor)
        self._workers.clear()
        self._calls.clear()

    def _start_workers(self, count: int) -> None:
        """Start so many workers, or as many as there is room for on nodes that have not failed to start them."""
        taken = [worker.node_id for worker in self._living]
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

    def _hand_out(self) -> None:
        """Give every ready worker its next tasks."""
        check_open()
        for worker in self._living:
            while assignment := self._refusals.assign(self._ledger, worker, time.monotonic()):
                task, alone, refusals = assignment.task, assignment.alone, assignment.refusals
                worker.give(task, alone)
                self._calls.add(worker.actor.run.remote(task, alone, refusals), Call(worker, assignment))

    def _settle(self) -> Iterator[Outcome[T, R]]:
        """Wait for a call to end, or for the time to look around, and act on what is found."""
        for reference, call in self._calls.ended(_LOOK_S):
            if call.assignment is None:
                yield from self._settle_start(reference, call.worker, call.asks_begun)
            else:
                yield from self._settle_task(reference, call.worker, call.assignment)
        if time.monotonic() - self._looked_at >= _LOOK_S:
            yield from self._look_around()

    def _settle_start(self, reference: Any, worker: Worker[T, D], asks_begun: bool) -> Iterator[Outcome[T, R]]:
        try:
            answer = ray.get(reference)
        except RayTaskError as error:
            self._start_failed(worker, one_line(error.cause), error.cause)
        except RayError as error:
            if worker.may_answer(error):
                self._calls.forget(worker)
                self._ask_begun(worker)
            else:
                yield from self._lose(worker, cause_of_death(error), died_with_node(error))
        else:
            if worker.silent_since is not None:
                ray.kill(worker.actor)
                yield from self._lose(worker, "it could not be reached for a time while it started")
            elif asks_begun:
                if worker.host is None:  # nobody may have looked for long: how long, only the next answer tells
                    self._ask_begun(worker)
                worker.begin(*answer)
            else:
                self._admit(worker, WorkerInfo(worker.worker_id, *answer))

    def _settle_task(self, reference: Any, worker: Worker[T, D], given: Assignment[T]) -> Iterator[Outcome[T, R]]:
        try:
            result: R = ray.get(reference)
        except RayTaskError as error:
            worker.release(given.task)
            if failed := self._note_fault(worker, given, error.cause):
                yield failed
        except RayError as error:
            yield from self._lose(worker, cause_of_death(error))
        else:
            self._deadline.learn(worker.release(given.task))
            self._refusals.done(worker, given, self._shortfall(result))
            if self._ledger.done(given.task):
                yield TaskDone(given.task, result, worker.worker_id)

    def _note_fault(self, worker: Worker[T, D], given: Assignment[T], error: Exception) -> TaskFailed[T] | None:
        """A task raised: it is given up, or tried on another node where its own may be the cause."""
        reason = one_line(error)
        if isinstance(error, self._of_a_node):
            reason = self._refusals.named(worker, reason)
            if given.refusals is not None and self._refusals.refused(worker, given.task, str(error), time.monotonic()):
                self._ledger.refused(given.task, worker.worker_id)
                return None
            self._refusals.done(worker, given, str(error))
        failed = self._ledger.raised(given.task, worker.worker_id, reason)
        return failed and replace(failed, error=error)

    def _admit(self, worker: Worker[T, D], info: WorkerInfo[D]) -> None:
        """Let a built worker take tasks, if it is of the same kind as the first: results must not mix."""
        first = self.ready_workers[0] if self.ready_workers else info
        if info.description != first.description:
            ray.kill(worker.actor)
            self._start_failed(worker, unlike(info, first), None)
            return
        self._failed_starts.clear(worker.node_id)
        worker.info = info
        self.ready_workers.append(info)

    def _start_failed(self, worker: Worker[T, D], reason: str, cause: Exception | None) -> None:
        """It could not be built: a worker of the first set stops the job, another one is tried again elsewhere.

        So is one of the first that lacks a file, on a node that may have it.
        """
        self._remove(worker)
        self._failed_starts.note(worker.node_id)
        is_of_first_nodes = worker.node_id is None or worker.node_id in self._first_nodes
        is_first = worker.worker_id < self._placement.num_workers and (is_of_first_nodes or not self.ready_workers)
        if isinstance(cause, FileNotSharedError):
            is_first = (is_first or not (self._workers or self.ready_workers)) and not self._may_start_elsewhere()
        if is_first:
            if isinstance(cause, self._faults):
                raise cause from None
            raise WorkerStartError(f"An actor could not start: {reason}") from cause
        self._last_fault = reason
        self.start_failures.append(reason)
        self._replace()

    def _may_start_elsewhere(self) -> bool:
        """Whether there is room on a node where no start has failed."""
        taken = [worker.node_id for worker in self._living]
        return self._failed_starts.spare_room(cluster_nodes(), self._placement, taken)

    def _lose(self, worker: Worker[T, D], reason: str, with_node: bool = False) -> Iterator[Outcome[T, R]]:
        """A worker died: its tasks are tried again elsewhere, and a new one takes its place.

        One that died with its node has not failed to start, and nothing is lost with one that waited for room there.
        """
        self._head.is_up()
        self._remove(worker)
        self.num_lost_workers += 0 if with_node and worker.host is None else 1
        if worker.host is not None:
            self._last_fault = reason
        if worker.info is None and (with_node or self._has_left(worker.node_id)):
            self._failed_starts.node_lost(worker, self._living, time.monotonic())
        elif worker.info is None:
            self.start_failures.append(reason)
            self._failed_starts.died(worker, self._living, reason)
        for task in worker.tasks:
            if failed := self._ledger.lost(task, worker.worker_id, reason):
                yield failed
        self._replace()

    def _has_left(self, node_id: str | None) -> bool:
        """Whether a node is gone: what started there did not fail."""
        return node_id is not None and self._head.is_up() and node_id not in {node.node_id for node in cluster_nodes()}

    def _replace(self) -> None:
        """Start a worker in place of one that is gone, where one may start; give up when none is left."""
        self._start_workers(1)
        if not self._workers:
            self._give_up()

    @property
    def _living(self) -> Collection[Worker[T, D]]:
        return self._workers.values()

    def _remove(self, worker: Worker[T, D]) -> None:
        del self._workers[worker.worker_id]
        self._calls.forget(worker)

    def _look_around(self) -> Iterator[Outcome[T, R]]:
        """Replace workers that hang, use nodes that joined, and give up when no node can take a worker."""
        self._looked_at = now = time.monotonic()
        yield from self._replace_hanging(now)
        if not self._head.is_up():
            return
        room = count_room(cluster_nodes(), self._placement)
        wanted = room if self._placement.elastic else self._placement.num_workers
        self._start_workers(max(0, wanted - len(self._workers)))
        if self._waiting.is_over(now, room, self._living, bool(self.ready_workers), self._deadline.start_seconds()):
            self._give_up(is_over=True)

    def _replace_hanging(self, now: float) -> Iterator[Outcome[T, R]]:
        deadline_s = self._deadline.seconds()
        for worker in list(self._workers.values()):
            if worker.tasks and now - worker.busy_since > deadline_s:
                ray.kill(worker.actor)
                yield from self._lose(worker, f"no result within {deadline_s:.0f} s: the actor hung and was replaced")
            elif worker.is_starting and now - worker.busy_since > (start_s := self._deadline.start_seconds()):
                ray.kill(worker.actor)
                self._deadline.start_ended()
                yield from self._lose(
                    worker,
                    f"not ready within {start_s:.0f} s: the actor hung and was ended. "
                    "Allow more with `shard_deadline`, where the command has it.",
                )

    def _give_up(self, is_over: bool = False) -> NoReturn:
        why = self._failed_starts.lost_nodes, self._last_fault
        raise WorkersLostError(self._waiting.nobody_left(is_over, *why, bool(self.ready_workers)))
