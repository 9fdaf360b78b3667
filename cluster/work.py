"""What a pool runs: the protocol between `WorkerPool` and the work that each of its workers builds."""

from collections.abc import Callable, Collection, Hashable
from functools import partial
from typing import Generic, Protocol, TypeAlias, TypeVar

T = TypeVar("T", bound=Hashable)  # a task
R = TypeVar("R")  # a task's result
D = TypeVar("D")  # what work says of itself
_TaskIn = TypeVar("_TaskIn", contravariant=True)
_ResultOut = TypeVar("_ResultOut", covariant=True)
_DescriptionOut = TypeVar("_DescriptionOut", covariant=True)

MAX_TASKS_AT_ONCE = 3  # one at work, one that reads ahead, one that is written: threads that every actor has


class Work(Protocol[_TaskIn, _ResultOut, _DescriptionOut]):
    """Is built once in each worker and called with one task after the other."""

    @property
    def description(self) -> _DescriptionOut:
        """What this work is; workers whose descriptions differ do not work off the same tasks."""

    @property
    def tasks_at_once(self) -> int:
        """How many calls may overlap, at most `MAX_TASKS_AT_ONCE`; each call has a thread of its own."""

    def __call__(self, task: _TaskIn, /, refusals: Collection[str] | None = None) -> _ResultOut:
        """Do a task.

        Args:
            task: What to do.
            refusals: What was raised of it on other nodes; if this one seems to lack what it takes, and not as they do:
                raise what says so. None if it is to be done as well as can be.
        """

    def again(self, task: _TaskIn, /, refusals: Collection[str] | None = None) -> _ResultOut:
        """Do a task that was lost with a worker before: it may take this one down as well."""


Recipe: TypeAlias = Callable[[], Work[T, R, D]]


class FunctionWork(Generic[T, R]):
    """A function as work: it has no description, and a lost task is done as any other.

    Args:
        function: Called with each task.
        tasks_at_once: How many of its calls may overlap.

    Attributes:
        description: Always None.
    """

    description = None

    def __init__(self, function: Callable[[T], R], tasks_at_once: int = 1) -> None:
        self._function = function
        self.tasks_at_once = tasks_at_once

    def __call__(self, task: T, /, refusals: Collection[str] | None = None) -> R:  # noqa: ARG002
        """Call the function."""
        return self._function(task)

    def again(self, task: T, /, refusals: Collection[str] | None = None) -> R:  # noqa: ARG002
        """Call the function, as for any task."""
        return self._function(task)


def function_recipe(build: Callable[[], Callable[[T], R]], tasks_at_once: int = 1) -> Recipe[T, R, None]:
    """A recipe for work that is only a function, which `build` returns in the worker."""
    return partial(_build_function_work, build, tasks_at_once)


def _build_function_work(build: Callable[[], Callable[[T], R]], tasks_at_once: int) -> FunctionWork[T, R]:
    return FunctionWork(build(), tasks_at_once)
