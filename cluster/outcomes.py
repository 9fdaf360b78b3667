"""How a task ends: with a result, or given up."""

from dataclasses import dataclass
from typing import Generic, TypeAlias

from cluster.work import R, T


@dataclass(frozen=True)
class TaskDone(Generic[T, R]):
    """A task's result, and which worker brought it."""

    task: T
    result: R
    worker_id: int


@dataclass(frozen=True)
class TaskFailed(Generic[T]):
    """A task that is given up, and why.

    Attributes:
        task: The task.
        attempts: How often it was tried.
        reason: Why, in one line.
        error: What it raised; None if it was lost with its worker.
    """

    task: T
    attempts: int
    reason: str
    error: Exception | None = None


Outcome: TypeAlias = TaskDone[T, R] | TaskFailed[T]
