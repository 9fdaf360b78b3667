"""A pool of Ray actors that build their work once and are then given one task after the other.

Written by hand because `ray.util.ActorPool` loses a dead actor's task and queues everything at once.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Generic, Self

import ray
from ray.exceptions import RayError, RayTaskError

from cluster.calls import OpenCalls
from cluster.deadline import Deadline
from cluster.dispatcher import Dispatcher
from cluster.ledger import Assignment
from cluster.outcomes import Outcome
from cluster.placement import Placement
from cluster.work import D, R, Recipe, T
from cluster.worker import Worker, WorkerInfo, cause_of_death, died_with_node, one_line
from cluster.worker_group import WorkerGroup

_LOOK_S = 1.0  # how often hanging workers and new nodes are looked for


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
        self._deadline = Deadline(deadline_s, spare_s)
        self._calls: OpenCalls[T, D] = OpenCalls()
        self._group: WorkerGroup[T, R, D] = WorkerGroup(recipe, placement, faults, self._calls)
        self._dispatcher: Dispatcher[T, R, D] = Dispatcher(
            self._group.living, self._calls, self._deadline, of_a_node, shortfall
        )
        self._looked_at = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def ready_workers(self) -> list[WorkerInfo[D]]:
        """All that were ever ready, the dead included."""
        return self._group.ready

    @property
    def start_failures(self) -> list[str]:
        """Why replacements could not start."""
        return self._group.start_failures

    @property
    def num_lost_workers(self) -> int:
        """Workers that died or hung."""
        return self._group.num_lost

    @property
    def num_repeats(self) -> int:
        """How often a task was given to a worker again, after a loss or as a copy at the end of the run."""
        return self._dispatcher.num_repeats

    def wait_ready(self, until: Callable[[], bool] = lambda: False) -> None:
        """Wait until a worker is built, or until something else is so; raises as `first_ready` does."""
        while not (self.ready_workers or until()):
            for _ in self._settle():
                pass

    def first_ready(self) -> WorkerInfo[D]:
        """Wait until a worker is built.

        Raises:
            WorkerStartError: If one cannot be; its `__cause__` is what the recipe raised.
            WorkersLostError: If no node that can take one comes in time, or Ray itself has ended.
            PlacementError: If the cluster's autoscaler says that none ever will.
        """
        self.wait_ready()
        return self.ready_workers[0]

    def run(self, tasks: Iterable[T]) -> Iterator[Outcome[T, R]]:
        """Yield every task's outcome once, in the order in which they end.

        Raises:
            WorkerStartError: If a worker of the first set cannot be built.
            WorkersLostError: If no worker is left and no node can take one, or Ray itself has ended.
            PlacementError: As in `first_ready`, if no worker was ready before.
        """
        self._dispatcher.begin(tasks)
        while self._dispatcher.is_open:
            self._dispatcher.hand_out()
            yield from self._settle()

    def stop(self) -> None:
        """End all workers; what they have not finished is lost."""
        self._group.stop()

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
            self._group.start_failed(worker, one_line(error.cause), error.cause)
        except RayError as error:
            if worker.may_answer(error):
                self._group.ask_again(worker)
            else:
                yield from self._lose(worker, cause_of_death(error), died_with_node(error))
        else:
            if worker.silent_since is not None:
                ray.kill(worker.actor)
                yield from self._lose(worker, "it could not be reached for a time while it started")
            elif asks_begun:
                self._group.begin(worker, *answer)
            else:
                self._group.admit(worker, WorkerInfo(worker.worker_id, *answer))

    def _settle_task(self, reference: Any, worker: Worker[T, D], given: Assignment[T]) -> Iterator[Outcome[T, R]]:
        outcome: Outcome[T, R] | None
        try:
            result: R = ray.get(reference)
        except RayTaskError as error:
            outcome = self._dispatcher.raised(worker, given, error.cause)
        except RayError as error:
            yield from self._lose(worker, cause_of_death(error))
            return
        else:
            outcome = self._dispatcher.done(worker, given, result)
        if outcome:
            yield outcome

    def _lose(self, worker: Worker[T, D], reason: str, with_node: bool = False) -> Iterator[Outcome[T, R]]:
        """A worker died: its tasks are tried again elsewhere, and a new one takes its place."""
        self._group.lose(worker, reason, with_node)
        yield from self._dispatcher.lost(worker, reason)
        self._group.replace()

    def _look_around(self) -> Iterator[Outcome[T, R]]:
        """Replace workers that hang, use nodes that joined, and give up when no node can take a worker."""
        self._looked_at = now = time.monotonic()
        for worker in list(self._group.living):
            if reason := self._deadline.missed_by(worker, now):
                ray.kill(worker.actor)
                yield from self._lose(worker, reason)
        self._group.grow(now, self._deadline.start_seconds())
