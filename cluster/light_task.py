"""One small function beside the workers: on a CPU, one thread, no GPU in sight."""

from collections.abc import Callable
from typing import Any, Generic, TypeVar

import ray

from cluster.devices import pin_process
from cluster.errors import WorkersLostError
from cluster.worker import cause_of_death

T = TypeVar("T")


class LightTask(Generic[T]):
    """A function that has begun to run somewhere in the cluster.

    It reserves no core: workers may have taken them all, and it must not wait for them to finish.
    """

    def __init__(self, function: Callable[..., T], *arguments: object) -> None:
        """Start `function(*arguments)` in a process of its own."""
        remote: Any = ray.remote  # its stubs cannot follow a function of any signature
        self._reference = remote(num_cpus=0, max_calls=1, max_retries=2)(_run_pinned).remote(function, arguments)

    def result(self) -> T:
        """Wait for it, and return what it returned or raise what it raised."""
        try:
            result: T = ray.get(self._reference)
            return result
        except ray.exceptions.RayTaskError as error:
            raise error.cause from None
        except ray.exceptions.RayError as error:
            raise WorkersLostError(f"The task beside the workers was lost: {cause_of_death(error)}") from error


def _run_pinned(function: Callable[..., T], arguments: tuple[Any, ...]) -> T:
    pin_process(num_cpus=1)
    return function(*arguments)
