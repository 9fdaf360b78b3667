"""A pool of Ray actors that build a recipe once and then work off numbered tasks.

Written by hand because `ray.util.ActorPool` loses a dead actor's task and queues everything at once.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Generic, TypeAlias, TypeVar

import ray
from ray.exceptions import RayActorError, RayError, RayTaskError

from cluster.devices import Devices, pin_process
from cluster.errors import WorkersLostError, WorkerStartError
from cluster.placement import Placement

R = TypeVar("R")
Recipe: TypeAlias = Callable[[], Callable[[int], R]]

MAX_ATTEMPTS = 3
_TASKS_PER_WORKER = 2  # one at work, one that reads ahead
_MAX_LOST_STARTS = 3


@dataclass(frozen=True)
class WorkerInfo:
    """A worker that is ready.

    Attributes:
        worker_id: Counts up from 0.
        devices: Where it runs.
        description: What the built recipe says of itself (`recipe().description`), or None.
    """

    worker_id: int
    devices: Devices
    description: Any


@dataclass(frozen=True)
class TaskDone(Generic[R]):
    """A task's result, and which worker brought it."""

    task: int
    result: R
    worker_id: int


@dataclass(frozen=True)
class TaskFailed:
    """A task that is given up, and why."""

    task: int
    attempts: int
    reason: str


@dataclass
class _Worker:
    """The driver's view of one actor."""

    worker_id: int
    actor: Any
    starting: Any
    info: WorkerInfo | None = None
    tasks: list[int] = field(default_factory=list)
    alone: bool = False  # it works off a suspect, and gets nothing beside it


class WorkerPool(Generic[R]):
    """Actors that pull tasks; a dead actor's tasks go to the living, and a new actor takes its place.

    Args:
        recipe: Called once in each actor; what it returns is called with each task.
        placement: How many actors, and what each gets.
        max_attempts: Actors that a task may bring down before it is given up.
    """

    def __init__(self, recipe: Recipe[R], placement: Placement, max_attempts: int = MAX_ATTEMPTS) -> None:
        self._recipe = ray.put(recipe)
        self._placement = placement
        self._max_attempts = max_attempts
        remote: Any = ray.remote  # its stubs know no max_concurrency
        self._actor_class = remote(
            num_cpus=placement.cpus_per_worker,
            num_gpus=placement.gpus_per_worker,
            max_concurrency=_TASKS_PER_WORKER,
            max_restarts=0,
        )(_Actor)
        self._workers: dict[int, _Worker] = {}
        self._pending: dict[Any, tuple[_Worker, int | None]] = {}  # reference -> worker and task; None: its start
        self._num_started = self._num_lost_starts = 0
        self._suspects: deque[int] = deque()
        self._attempts: Counter[int] = Counter()
        self.ready_workers: list[WorkerInfo] = []
        self.start_failures: list[str] = []
        for _ in range(placement.num_workers):
            self._start_worker()

    def first_ready(self) -> WorkerInfo:
        """Wait until a worker is built.

        Raises:
            WorkerStartError: If one cannot be; its `__cause__` is what the recipe raised.
        """
        while not self.ready_workers:
            self._settle_next(deque())
        return self.ready_workers[0]

    def run(self, tasks: Iterable[int]) -> Iterator[TaskDone[R] | TaskFailed]:
        """Yield every task's outcome once, in the order in which they end.

        Raises:
            WorkerStartError: If a worker of the first set cannot be built.
            WorkersLostError: If no worker is left and none can be started.
        """
        queue = deque(tasks)
        while queue or self._suspects or any(worker.tasks for worker in self._workers.values()):
            self._hand_out(queue)
            if not self._pending:
                raise WorkersLostError(f"No worker is left, and none could be started. {self._last_failure()}")
            yield from self._settle_next(queue)

    def stop(self) -> None:
        """End all workers; what they have not finished is lost."""
        for worker in self._workers.values():
            ray.kill(worker.actor)
        self._workers.clear()
        self._pending.clear()

    def _start_worker(self) -> None:
        actor = self._actor_class.remote()
        starting = actor.start.remote(self._recipe, self._placement.cpus_per_worker)
        worker = _Worker(self._num_started, actor, starting)
        self._num_started += 1
        self._workers[worker.worker_id] = worker
        self._pending[starting] = (worker, None)

    def _hand_out(self, queue: deque[int]) -> None:
        """Give every ready worker its next tasks; a suspect goes to an idle worker, alone."""
        for worker in self._workers.values():
            if worker.info is None or worker.alone:
                continue
            if self._suspects and not worker.tasks:
                worker.alone = True
                self._send(worker, self._suspects.popleft())
            while queue and not worker.alone and len(worker.tasks) < _TASKS_PER_WORKER:
                if self._suspects:  # let it run dry for the suspect
                    break
                self._send(worker, queue.popleft())

    def _send(self, worker: _Worker, task: int) -> None:
        worker.tasks.append(task)
        self._pending[worker.actor.run.remote(task)] = (worker, task)

    def _settle_next(self, queue: deque[int]) -> list[TaskDone[R] | TaskFailed]:
        """Wait for one reference, and draw the consequences."""
        (reference,), _ = ray.wait(list(self._pending), num_returns=1)
        worker, task = self._pending.pop(reference)
        if worker.worker_id not in self._workers:  # a dead worker's other references
            return []
        try:
            result = ray.get(reference)
        except RayTaskError as error:
            if task is None:
                return self._start_failed(worker, error)
            self._release(worker, task)
            return [TaskFailed(task, self._attempts[task] + 1, _one_line(error.cause))]
        except RayError as error:
            return self._bury(worker, error)
        if task is None:
            self._welcome(worker, WorkerInfo(worker.worker_id, *result))
            return []
        self._release(worker, task)
        return [TaskDone(task, result, worker.worker_id)]

    def _welcome(self, worker: _Worker, info: WorkerInfo) -> None:
        """Let a built worker take tasks, if it is of the same kind as the first: results must not mix."""
        if self.ready_workers and info.description != self.ready_workers[0].description:
            raise WorkerStartError(
                f"Expected all workers alike; worker {info.worker_id} on {info.devices.host} is {info.description}, "
                f"worker 0 is {self.ready_workers[0].description}."
            )
        worker.info = info
        self.ready_workers.append(info)

    def _release(self, worker: _Worker, task: int) -> None:
        worker.tasks.remove(task)
        worker.alone = False

    def _start_failed(self, worker: _Worker, error: RayTaskError) -> list[TaskDone[R] | TaskFailed]:
        """The recipe raised: stop the job while nothing works yet, else go on with the workers there are."""
        self._remove(worker)
        reason = _one_line(error.cause)
        if worker.worker_id < self._placement.num_workers:
            raise WorkerStartError(f"A worker could not start: {reason}") from error.cause
        self.start_failures.append(reason)
        return []

    def _bury(self, worker: _Worker, error: RayError) -> list[TaskDone[R] | TaskFailed]:
        """The actor died: its tasks become suspects, each to be tried alone, and a new actor starts."""
        self._remove(worker)
        reason = _death(error)
        if worker.info is None:
            self._num_lost_starts += 1
            self.start_failures.append(reason)
            if self._num_lost_starts >= _MAX_LOST_STARTS:
                raise WorkerStartError(f"{_MAX_LOST_STARTS} workers died while starting: {reason}")
        given_up: list[TaskDone[R] | TaskFailed] = []
        for task in worker.tasks:
            self._attempts[task] += 1
            if self._attempts[task] >= self._max_attempts:
                given_up.append(TaskFailed(task, self._attempts[task], reason))
            else:
                self._suspects.append(task)
        self._start_worker()
        return given_up

    def _remove(self, worker: _Worker) -> None:
        del self._workers[worker.worker_id]
        self._pending = {
            reference: (other, task) for reference, (other, task) in self._pending.items() if other is not worker
        }

    def _last_failure(self) -> str:
        return f"The last one failed: {self.start_failures[-1]}" if self.start_failures else ""


class _Actor:
    """Lives in a process of its own. Built by a call, not by the constructor, whose exception Ray would not pass on."""

    def start(self, recipe: Recipe[Any], num_cpus: float) -> tuple[Devices, Any]:
        devices = pin_process(num_cpus)
        self._work = recipe()
        return devices, getattr(self._work, "description", None)

    def run(self, task: int) -> Any:
        return self._work(task)


def _one_line(error: BaseException) -> str:
    text = " ".join(str(error).split())[:500]
    return text or type(error).__name__


def _death(error: RayError) -> str:
    """Why an actor died, in Ray's words, without its advice."""
    if isinstance(error, RayActorError):
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        causes = [
            line for line in lines if "exit" in line.lower() or "died" in line.lower() or "memory" in line.lower()
        ]
        return (causes or lines or ["the worker died"])[-1][:300]
    return _one_line(error)
