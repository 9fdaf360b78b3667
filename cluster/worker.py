"""One actor: its process, and the driver's view of it."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any, TypeAlias, TypeVar

from ray.exceptions import RayActorError

from cluster.devices import Devices, pin_process

R = TypeVar("R")
Recipe: TypeAlias = Callable[[], Callable[[int], R]]


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


class Actor:
    """Lives in a process of its own. Built by a call, not by the constructor, whose exception Ray would not pass on."""

    def start(self, recipe: Recipe[Any], num_cpus: float) -> tuple[Devices, Any]:
        """Pin the process, build the recipe, and say where it runs and what it is."""
        devices = pin_process(num_cpus)
        self._work = recipe()
        return devices, getattr(self._work, "description", None)

    def run(self, task: int, again: bool) -> Any:
        """Work off one task; calls may overlap. What was built may have a way of its own for tasks lost before."""
        work = getattr(self._work, "again", self._work) if again else self._work
        return work(task)


@dataclass
class Worker:
    """The driver's view of one actor.

    Attributes:
        worker_id: Counts up from 0.
        actor: Ray's handle.
        info: None while it starts.
        tasks: What it has been given and has not ended.
        alone: It works off a suspect, and gets nothing beside it.
        busy_since: When its oldest task became its oldest, by `time.monotonic()`.
    """

    worker_id: int
    actor: Any
    info: WorkerInfo | None = None
    tasks: list[int] = field(default_factory=list)
    alone: bool = False
    busy_since: float = 0.0

    def give(self, task: int, alone: bool) -> None:
        """Record a task that is sent to it."""
        if not self.tasks:
            self.busy_since = time.monotonic()
        self.tasks.append(task)
        self.alone = alone

    def release(self, task: int) -> float:
        """Record that a task ended; return the seconds since it, or the one before it, began."""
        now = time.monotonic()
        took, self.busy_since = now - self.busy_since, now
        self.tasks.remove(task)
        self.alone = False
        return took


def differences(ours: Any, theirs: Any) -> str:
    """What differs between two descriptions, field by field where they have fields."""
    if not is_dataclass(ours) or type(ours) is not type(theirs):
        return f"{ours}, not {theirs}"
    pairs = ((field.name, getattr(ours, field.name), getattr(theirs, field.name)) for field in fields(ours))
    return "; ".join(f"{name} {our}, not {their}" for name, our, their in pairs if our != their)


def one_line(error: BaseException) -> str:
    """An exception's text without line breaks."""
    return " ".join(str(error).split())[:500] or type(error).__name__


def cause_of_death(error: Exception) -> str:
    """Why an actor died, in Ray's words, without its advice."""
    if not isinstance(error, RayActorError):
        return one_line(error)
    text = " ".join(str(error).split())
    start = max(text.find("The actor is dead"), text.find("The actor died"), 0)
    return text[start:].split(" Some common causes")[0][:300]
