"""One actor: its process, and the driver's view of it."""

import socket
import time
from collections.abc import Collection
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any, Generic

from ray.exceptions import ActorDiedError, ActorUnavailableError, RayActorError, WorkerCrashedError

from cluster.devices import Devices, pin_process
from cluster.nodes import own_node_id
from cluster.work import MAX_TASKS_AT_ONCE, D, Recipe, T, Work

# Of a process that was killed, or crashed, nobody is told why.
_MAY_BE_MEMORY = "It may have run out of memory: fewer actors, smaller batches or more memory help then."
_SILENT_S = 60.0  # that Ray may take to say whether one that cannot be reached is dead; to see a node's end, 5 to 15 s


@dataclass(frozen=True)
class WorkerInfo(Generic[D]):
    """A worker that is ready.

    Attributes:
        worker_id: Counts up from 0.
        devices: Where it runs.
        description: What its work says of itself.
        tasks_at_once: How many tasks it may have at any time.
    """

    worker_id: int
    devices: Devices
    description: D
    tasks_at_once: int


class Actor:
    """Lives in a process of its own. Built by a call, not by the constructor, whose exception Ray would not pass on.

    Both calls of a start are sent at once: nobody need be there to send the second when Ray has found room.
    """

    _begun_at: float | None = None

    def begun(self) -> tuple[str, str, float]:
        """Return Ray's id of the node, the machine's name, and how long ago this was first asked, in seconds.

        Since then the start can hang. It answers at once, when Ray has found room.
        """
        now = time.monotonic()
        self._begun_at = now if self._begun_at is None else self._begun_at
        return own_node_id(), socket.gethostname(), now - self._begun_at

    def start(self, recipe: Recipe[Any, Any, D], num_cpus: float) -> tuple[Devices, D, int]:
        """Pin the process, build the work, and return what `WorkerInfo` says after the number."""
        devices = pin_process(num_cpus)
        work = recipe()
        if not 1 <= work.tasks_at_once <= MAX_TASKS_AT_ONCE:
            raise ValueError(f"Expected 1 to {MAX_TASKS_AT_ONCE} tasks at once; received {work.tasks_at_once}.")
        self._work: Work[Any, Any, D] = work
        return devices, work.description, work.tasks_at_once

    def run(self, task: Any, again: bool, refusals: Collection[str] | None) -> Any:
        """Do one task; calls may overlap."""
        return self._work.again(task, refusals) if again else self._work(task, refusals)


@dataclass
class Worker(Generic[T, D]):
    """The driver's view of one actor.

    Attributes:
        worker_id: Counts up from 0.
        actor: Ray's handle.
        node_id: Ray's id of the node; None until it runs on one, or is sent to one.
        host: Name of the machine on which it runs; None until it does.
        info: None while it starts.
        tasks: What it has been given and has not ended.
        alone: It does a task that was lost before, and gets nothing beside it.
        busy_since: When its oldest task became its oldest, or it began to start, by `time.monotonic()`.
        silent_since: When it could first not be reached while it started; None if it always could.
    """

    worker_id: int
    actor: Any
    node_id: str | None = None
    host: str | None = None
    info: WorkerInfo[D] | None = None
    tasks: list[T] = field(default_factory=list)
    alone: bool = False
    busy_since: float = 0.0
    silent_since: float | None = None

    @property
    def is_starting(self) -> bool:
        """Whether it runs and is not ready yet."""
        return self.host is not None and self.info is None

    @property
    def has_room(self) -> bool:
        """Whether it may be given a task now."""
        return self.info is not None and not self.alone and len(self.tasks) < self.info.tasks_at_once

    def begin(self, node_id: str, host: str, seconds_ago: float) -> None:
        """Record where it runs, and since when its start is timed, until it is ready."""
        self.node_id, self.host = node_id, host
        if self.info is None:
            self.busy_since = time.monotonic() - seconds_ago

    def may_answer(self, error: Exception) -> bool:
        """Whether it starts, cannot be reached, and is to be asked again until Ray says why.

        Of a process that ended, a node that lives tells Ray at once; that a node is gone, Ray finds out.
        """
        if self.info or not isinstance(error, ActorUnavailableError):
            return False
        now = time.monotonic()
        self.silent_since = now if self.silent_since is None else self.silent_since
        return now - self.silent_since < _SILENT_S

    def give(self, task: T, alone: bool) -> None:
        """Record a task that is sent to it."""
        if not self.tasks:
            self.busy_since = time.monotonic()
        self.tasks.append(task)
        self.alone = alone

    def release(self, task: T) -> float:
        """Record that a task ended; return the seconds since it, or the one before it, began."""
        now = time.monotonic()
        took, self.busy_since = now - self.busy_since, now
        self.tasks.remove(task)
        self.alone = False
        return took


def unlike(info: WorkerInfo[D], first: WorkerInfo[D]) -> str:
    """Why a worker may not work beside the first one: results of two kinds must not mix."""
    advice = "Choose one kind of device with `accelerator_type`."
    if not info.devices.gpu_ids:
        advice = "Give all nodes the same libraries and files; where `precision` alone differs, choose one."
    return (
        f"Expected all actors alike; actor {info.worker_id} on {info.devices.host} differs from actor "
        f"{first.worker_id} on {first.devices.host}: {_differences(info.description, first.description)}. "
        f"{advice}"
    )


def _differences(ours: Any, theirs: Any) -> str:
    """What differs between two descriptions, field by field where they have fields that count."""
    if not is_dataclass(ours) or type(ours) is not type(theirs):
        return f"{ours}, not {theirs}"
    names = (each.name for each in fields(ours) if each.compare)
    pairs = ((name, vars(ours)[name], vars(theirs)[name]) for name in names)
    return "; ".join(f"{name} {our}, not {their}" for name, our, their in pairs if our != their)


def one_line(error: BaseException) -> str:
    """An exception's text without line breaks."""
    return " ".join(str(error).split())[:500] or type(error).__name__


def died_with_node(error: Exception) -> bool:
    """Whether Ray blames its node for an actor's death, be it that it ran there or only waited for room there."""
    return isinstance(error, ActorDiedError) and (error.preempted or "because its node has died" in str(error))


def cause_of_death(error: Exception) -> str:
    """Why an actor or a task's process died, in Ray's words; of its advice, what the system may have killed it for."""
    if isinstance(error, WorkerCrashedError):
        return f"{one_line(error)} {_MAY_BE_MEMORY}"
    if not isinstance(error, RayActorError):
        return one_line(error)
    text = " ".join(str(error).split())
    if "error raised in its creation task" in text or "failed to import on the worker" in text:  # it has no constructor
        return f"its node cannot import it: all nodes need the same shardscore and Ray as the command. {text[-200:]}"
    start = max(text.rfind("The actor is dead"), text.rfind("The actor died"), 0)  # the last says more
    cause, _, advice = text[start:].partition(" Some common causes")
    return f"{cause[:300]} {_MAY_BE_MEMORY}" if "OOM killer" in advice else cause[:300]
